"""The screen of `top` as lines of styled text, for any size. Pure: rows, history and view in, lines out.

A card takes one to four lines, as many as fit for all. Colours come from a palette that colour-blind people can tell
apart, and never say anything that a word or a number does not say too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from hl_smi.top.bars import bar, sparkline
from hl_smi.top.cards import CardRow
from hl_smi.top.history import MEASURES, History
from hl_smi.top.view import View

__all__ = ["Frame", "cards_on_screen", "draw"]

_CALM, _WARM, _HOT = "#56b4e9", "#e69f00", "bold #cc79a7"
_DIM, _TITLE = "dim", "bold"
_MEDIUM, _WIDE = 72, 100
_HEAD_LINES, _FOOT_LINES = 2, 1
_INDENT = 7


@dataclass(frozen=True, slots=True)
class Frame:
    """What one screen is made of. `rows` are all cards, `shown` those of the filter, in order."""

    title: str
    rows: Sequence[CardRow]
    shown: Sequence[CardRow]
    view: View
    is_ascii: bool


def lines_per_card(card_count: int, height: int) -> int:
    """One to four, the most that shows all cards; one if nothing does."""
    room = height - _HEAD_LINES - _FOOT_LINES
    return next((lines for lines in (4, 3, 2) if card_count * lines <= room), 1)


def cards_on_screen(card_count: int, height: int) -> int:
    """How many cards a screen of this height shows."""
    room = max(height - _HEAD_LINES - _FOOT_LINES, 1)
    return max(room // lines_per_card(card_count, height), 1)


def draw(frame: Frame, history: History, width: int, height: int) -> list[Text]:
    """`height` lines of at most `width` columns."""
    lines_each = lines_per_card(len(frame.shown), height)
    page = cards_on_screen(len(frame.shown), height)
    first = min(frame.view.offset, max(len(frame.shown) - page, 0))
    on_screen = frame.shown[first : first + page]
    lines = [_title(frame), _heading(width)]
    for row in on_screen:
        lines += _card(row, history, width, frame.is_ascii)[:lines_each]
    if not frame.shown:
        lines.append(Text(f"no AIP fits the filter {frame.view.wanted!r}; Esc clears it", _WARM))
    lines = lines[: height - _FOOT_LINES]
    lines += [Text("")] * (height - _FOOT_LINES - len(lines))
    lines.append(_footer(frame, first, len(on_screen)))
    for line in lines:
        line.truncate(width, overflow="crop")
    return lines[-height:]


def _title(frame: Frame) -> Text:
    alive = [row for row in frame.rows if not row.is_lost]
    power_w, cap_w = sum(row.power_w for row in alive), sum(row.cap_w for row in alive)
    utilization = sum(row.utilization_percent for row in alive) // max(len(alive), 1)
    troubled = sum(bool(row.troubles) for row in frame.rows)
    text = Text("hl-smi top  ", _TITLE)
    text.append(f"{troubled} need attention" if troubled else "all well", _HOT if troubled else _CALM)
    return text.append(f"  util {utilization}%  {power_w}/{cap_w}W  {frame.title}", "none")


def _widths(width: int) -> tuple[int, int, int]:
    """Bars of utilisation, power and memory; a narrow screen has the first only."""
    if width < _WIDE:
        return max(width // 4 - 4, 4), 0, 0
    spare = (width - _WIDE) // 8
    return 14 + 2 * spare, 8 + spare, 8 + spare


def _heading(width: int) -> Text:
    util, power, memory = _widths(width)
    if width < _WIDE:
        titles = f"{'aip mod':<{_INDENT}} {'util':<{util}}      power temp  clock  mem  state"
    else:
        titles = (
            f"{'aip mod':<{_INDENT}} {'name':<8} {'util':<{util}}      {'power':<{power}}            temp  clock"
            f" {'memory':<{memory}}      state"
        )
    return Text(titles.ljust(width), "reverse")


def _footer(frame: Frame, first: int, count: int) -> Text:
    view = frame.view
    if view.is_typing:
        return Text(f"filter: {view.wanted}_   Enter keeps it, Esc clears it", "reverse")
    place = f"{first + 1}-{first + count} of {len(frame.shown)}" if count else "0 of 0"
    wanted = f": {view.wanted}" if view.wanted else ""
    return Text(f"{place}  q quit  s sort: {view.sort}  f filter{wanted}  arrows scroll", _DIM)


def _card(row: CardRow, history: History, width: int, is_ascii: bool) -> list[Text]:
    details = _details(row, width)
    sparks = _sparklines(row, history, width, is_ascii, len(details))
    engines = "  ".join(f"{name} {round(share * 100):3d}%" for name, share in row.engines)
    second = Text(" " * _INDENT).append(sparks).append(f"  {details}", "none")
    third = Text(f"{' ' * _INDENT} {engines}  {row.bus_id}", _DIM).append(f"  {', '.join(row.processes)}", "none")
    return [_summary(row, width, is_ascii), second, third, Text("")]


def _summary(row: CardRow, width: int, is_ascii: bool) -> Text:
    """The one line that a card always has."""
    util, power, memory = _widths(width)
    text = Text(f"{row.index:>3} m{row.module_id:<2}", _TITLE)
    if width >= _WIDE:
        text.append(f" {row.name:<8.8}", "none")
    if row.is_lost:
        return text.append("  LOST: the card fell off the bus", _HOT)
    load, load_style = row.utilization_percent / 100, _style(row.utilization_percent / 100, 0.7, 2.0)
    text.append(" ").append(bar(load, util, is_ascii), load_style).append(f" {row.utilization_percent:>3}%", load_style)
    strain = row.power_w / max(row.cap_w, 1)
    style = _style(strain, 0.8, 0.97)
    if power:
        text.append(" ").append(bar(strain, power, is_ascii), style).append(f" {row.power_w:>4}/{row.cap_w}W", style)
    else:
        text.append(f" {row.power_w:>4}W", style)
    text.append(f" {row.temperature_c:>3}C", _style(row.temperature_c / row.critical_c, 0.75, 0.88))
    text.append(f" {row.clock_mhz:>6}", _WARM if row.clock_mhz < row.clock_max_mhz else "none")
    style = _style(row.memory_percent / 100, 0.8, 0.95)
    if memory:
        text.append(" ").append(bar(row.memory_percent / 100, memory, is_ascii), style)
    text.append(f" {row.memory_percent:>3}%  ", style)
    return _with_state(text, row)


def _with_state(text: Text, row: CardRow) -> Text:
    text.append(" ".join(row.troubles) or "ok", _HOT if row.troubles else _CALM)
    if row.processes:
        text.append(f"  {row.processes[0]}", "none")
    return text


def _sparklines(row: CardRow, history: History, width: int, is_ascii: bool, details_width: int) -> Text:
    names = tuple(MEASURES)[: 5 if width >= _WIDE else 3]
    room = width - _INDENT - details_width - 2 - sum(len(name) + 2 for name in names)
    each = max(room // len(names), 4)
    text = Text()
    for name in names:
        text.append(f" {name} ", _DIM).append(sparkline(history.of(row.index, name), each, is_ascii), _CALM)
    return text


def _details(row: CardRow, width: int) -> str:
    if row.is_lost:
        return ""
    used = f"{row.used_mib}MiB  " if width >= _MEDIUM else ""
    return f"{used}links {row.links_up}/{row.links}  ecc {row.ecc_corrected}+{row.ecc_uncorrected}"


def _style(share: float, warm_from: float, hot_from: float) -> str:
    if share >= hot_from:
        return _HOT
    return _WARM if share >= warm_from else _CALM
