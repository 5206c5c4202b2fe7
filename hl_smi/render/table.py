"""The default table: 79 columns, bars at 0, 32, 55 and 78, for every release. Pure.

Two deliberate differences to the real tool, both safe for known parsers: a process row is closed by its bar, and its
usage stays in its column whatever the width of the pid. Values that do not fit their cell take the blanks around them
first, then lose their end; the bars never move (but see `_old_rows`).
"""

from __future__ import annotations

from hl_smi.render.text import MISSING, one_line

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hl_smi.query.table import CardRow, ProcessRow, Table
    from hl_smi.render.table_layout import TableLayout

__all__ = ["render_table"]

_INNER = 77  # columns between the outer bars
_CELLS = (31, 22, 22)
_VALUE_END = 67  # a version ends before this column of the inner line; ten blanks follow
_USAGE_START = 66  # inner column of the memory of a process
_LONGEST_NAME = 19  # of 20 columns, so that a blank stays before the N/A behind it

_BORDER = "+" + "-" * _INNER + "+"
_SEPARATOR = "|" + "+".join("-" * width for width in _CELLS) + "+"
_RULE = "|" + "+".join("=" * width for width in _CELLS) + "|"
_PROCESS_HEAD = (
    "| Compute Processes:                                               AIP Memory |",
    "|  AIP       PID   Type   Process name                             Usage      |",
    "|" + "=" * _INNER + "|",
)
_CLOSE = "+" + "=" * _INNER + "+"


def render_table(table: Table, layout: TableLayout) -> str:
    """The whole table, with a newline after its last line."""
    rows = _new_rows if layout.is_memory_percent_shown else _old_rows
    lines = [_BORDER, *_header(table, layout), _SEPARATOR, *_titles(layout), _RULE]
    for card in table.cards:
        lines += [*rows(card, layout), _SEPARATOR]
    lines += _PROCESS_HEAD
    lines += [_process(row, layout) for row in table.processes]
    lines.append(_CLOSE)
    return "\n".join(lines) + "\n"


def _header(table: Table, layout: TableLayout) -> list[str]:
    entries = [("HL-SMI Version", table.tool_version), ("Driver Version", table.driver_version)]
    if layout.is_nic_driver_shown:
        entries.append(("Nic Driver Version", table.nic_driver_version))
    return ["|" + _header_line(f" {label}:", one_line(version) or MISSING) + "|" for label, version in entries]


def _header_line(label: str, version: str) -> str:
    line = label + version.rjust(_VALUE_END - len(label))
    return line.ljust(_INNER)[:_INNER]


def _titles(layout: TableLayout) -> tuple[str, str]:
    return (
        f"| AIP  Name        Persistence-M| Bus-Id        Disp.A |{layout.error_title}|",
        "| Fan  Temp  Perf  Pwr:Usage/Cap|         Memory-Usage | AIP-Util  Compute M. |",
    )


def _identity_row(card: CardRow) -> str:
    name = one_line(card.name)[:_LONGEST_NAME]
    return _joined(
        f"{card.index:4d}  {name:<20s}N/A  ",
        f" {one_line(card.bus_id)}     N/A ",
        f"{_number(card.uncorrected_errors):>20s}  ",
    )


def _new_rows(card: CardRow, layout: TableLayout) -> tuple[str, str]:
    unit = layout.memory_unit
    perf = _performance_state(card) if layout.is_performance_state_shown else MISSING
    power = f"{_number(card.power_w, 'W'):>5s} / {_number(card.cap_w, 'W'):>5s}"
    memory = f"{_number(card.used_mib, unit):>9s} / {card.total_mib:6d}{unit} "
    measured = _joined(
        f" N/A {_number(card.temp_c, 'C'):>5s}   {perf:<3s}{power}  ",
        memory,
        f"{_number(card.utilization_percent, '%'):>7s}{_number(card.memory_percent, '%'):>14s} ",
    )
    return _identity_row(card), measured


def _old_rows(card: CardRow, layout: TableLayout) -> tuple[str, str]:
    """Rows up to 1.18. A total of six digits (Gaudi 3) pushes the bar behind it by one column, as in the real tool."""
    unit = layout.memory_unit
    power = f"{_number(card.power_w, 'W'):>7s} / {_number(card.cap_w, 'W'):>4s}"
    memory = f"{_number(card.used_mib, unit):>10s} / {card.total_mib:5d}{unit} "
    memory_width = min(max(len(memory), _CELLS[1]), _CELLS[1] + 1)
    cells = (
        _fitted(f" N/A {_number(card.temp_c, 'C'):>5s}   N/A{power} ", _CELLS[0]),
        _fitted(memory, memory_width),
        _fitted(f"{_number(card.utilization_percent, '%'):>7s}           N/A ", _INNER - 2 - _CELLS[0] - memory_width),
    )
    return _identity_row(card), "|" + "|".join(cells) + "|"


def _process(row: ProcessRow, layout: TableLayout) -> str:
    if row.pid is None:
        return f"|{row.index:4d}        N/A   N/A    {MISSING:<41s}{MISSING:<11s}|"
    usage = _number(row.memory_mib, layout.memory_unit)
    who = f"{row.index:4d}       {row.pid}     C   "
    # Readers split the row at double blanks: none inside the name, two behind it.
    name = " ".join(one_line(row.comm or MISSING).split())[: _USAGE_START - 2 - len(who)]
    return "|" + ((who + name).ljust(_USAGE_START) + usage).ljust(_INNER)[:_INNER] + "|"


def _performance_state(card: CardRow) -> str:
    return MISSING if card.performance_state is None else f"P{card.performance_state}"


def _number(value: int | None, unit: str = "") -> str:
    return MISSING if value is None else f"{value}{unit}"


def _joined(*cells: str) -> str:
    return "|" + "|".join(_fitted(cell, width) for cell, width in zip(cells, _CELLS, strict=True)) + "|"


def _fitted(text: str, width: int) -> str:
    """Exactly `width` columns: the blanks at the end give way first, then double blanks inside, then the end."""
    if len(text) == width:
        return text
    text = text.rstrip()
    while len(text) > width and "  " in text:
        text = text.replace("  ", " ", 1)
    return text[:width].ljust(width)
