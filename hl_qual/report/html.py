"""The report as one HTML file for people: verdicts, plots, metrics, findings. No script, nothing from outside. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape

from hl_qual.checkpoint import StepResult
from hl_qual.findings import Finding
from hl_qual.history import Point
from hl_qual.outcome import Metric
from hl_qual.report.card import metric_figures
from hl_qual.report.lines import long_time, spread
from hl_qual.report.model import CardReport, Comparison, Report
from hl_qual.report.plot import COLOURS, Line, render_plot
from hl_qual.report.style import STYLE
from hlml.types import BoxInfo

__all__ = ["badge", "findings_table", "page", "render_html", "table", "tiles"]

_PLOTS: tuple[tuple[str, Callable[[Point], float]], ...] = (
    ("Power on the 54 V rail as reported (filter of 1 s), W", lambda point: point.power_w),
    ("Temperature, C", lambda point: point.temp_c),
    ("SoC clock, MHz", lambda point: point.clock_mhz),
)


def render_html(report: Report) -> str:
    """The whole document."""
    opening, ending = report.opening, report.ending
    title = f"hl_qual {opening.test} on {opening.host}"
    return page(
        title,
        [
            f"<h1>{escape(title)} {badge(_word(ending.is_passed))}</h1>",
            f'<p class="about">{_about(report)}</p><pre>{escape(opening.command_line)}</pre>',
            *_clock_note(opening.box),
            tiles(_facts(report)),
            *findings_table(_all_findings(report)),
            *_steps(ending.steps),
            *_overview(ending.cards),
            *_comparisons(ending.comparisons),
            *_plots(ending.cards),
            *_limits(report),
            *_details(ending.cards),
        ],
    )


def page(title: str, parts: Sequence[str]) -> str:
    """A document around its parts."""
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
    )
    return "\n".join([head, *parts, "</body></html>\n"])


def badge(word: str) -> str:
    """A verdict."""
    return f'<span class="badge {word}">{escape(word.replace("_", " "))}</span>'


def tiles(facts: Sequence[tuple[str, str]]) -> str:
    """A row of (value, what it is)."""
    return (
        '<div class="tiles">'
        + "".join(f'<div class="tile"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for value, name in facts)
        + "</div>"
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Cells are HTML; the columns in `numbers` are figures."""

    def cells(tag: str, row: Sequence[str]) -> str:
        marks = [' class="n"' if column in numbers else "" for column in range(len(row))]
        return "".join(f"<{tag}{mark}>{cell}</{tag}>" for mark, cell in zip(marks, row, strict=True))

    lines = [f"<tr>{cells('td', row)}</tr>" for row in rows]
    return "\n".join(['<div class="scroll"><table>', f"<tr>{cells('th', heads)}</tr>", *lines, "</table></div>"])


def findings_table(findings: Sequence[Finding]) -> list[str]:
    """What is wrong, where, and what to do about it."""
    if not findings:
        return []
    rows = []
    for found in findings:
        figures = [("expected", found.expected), ("actual", found.actual), ("limit", found.limit)]
        text = ", ".join(f"{name} {value}" for name, value in figures if value is not None)
        what = escape(found.message) + (f'<div class="note">{escape(text)}</div>' if text else "")
        code = f'<span class="{found.severity.value}">{escape(found.code)}</span>'
        rows.append((code, _place(found), what, escape(found.action)))
    return ["<h2>Findings</h2>", table(("Finding", "Where", "What", "What to do"), rows)]


def _place(found: Finding) -> str:
    places = [] if found.device is None else [f"<code>{escape(found.device.bus_id)}</code>"]
    if found.device is not None:
        places.append(f"module {found.device.module_id}, serial {escape(found.device.serial)}")
    pairs = (("", found.engine), ("port ", found.port), ("", found.address))
    places += [escape(f"{name}{value}") for name, value in pairs if value is not None]
    return "<br>".join(places) or "the run"


def _word(is_passed: bool) -> str:
    return "PASSED" if is_passed else "FAILED"


def _about(report: Report) -> str:
    box = report.opening.box
    where = "no driver answered" if box is None else f"box {box.name} ({box.box_type}), release {box.release}"
    text = f"Emulated devices: {where}. {long_time(report.opening.started)} to {long_time(report.ending.ended)}."
    return escape(text)


def _clock_note(box: BoxInfo | None) -> list[str]:
    if box is None or box.clock_rate == 1:
        return []
    text = f"The clock of this box runs at rate {box.clock_rate:g}: durations, power and energy are in box time."
    return [f'<p class="warning">{escape(text)}</p>']


def _facts(report: Report) -> list[tuple[str, str]]:
    ending = report.ending
    passed = sum(card.is_passed for card in ending.cards)
    facts = [(f"{passed} of {len(ending.cards)}", "cards passed")]
    if ending.duration_s is not None:
        facts.append((f"{ending.duration_s:g} s", "duration, box time"))
    facts.append((report.opening.family_title, "family"))
    facts.append((str(int(ending.exit_status)), f"exit status ({ending.exit_status.name.lower()})"))
    energies = [card.telemetry.energy_j for card in ending.cards if card.telemetry is not None]
    known = [energy for energy in energies if energy is not None]
    return [*facts, (f"{sum(known) / 1e3:.1f} kJ", "energy of all cards")] if known else facts


def _all_findings(report: Report) -> list[Finding]:
    return [*report.ending.findings, *(found for card in report.ending.cards for found in card.outcome.findings)]


def _key(position: int) -> str:
    return f'<span class="key" style="background:{COLOURS[position % len(COLOURS)]}"></span>'


def _overview(cards: Sequence[CardReport]) -> list[str]:
    if not cards:
        return []
    heads = ("Device", "Module", "Serial", "Verdict", "Power W", "Clock MHz", "Temperature C", "ECC s/d", "Throttled")
    rows = []
    for position, card in enumerate(cards):
        device = card.device
        place = (f"{_key(position)}<code>{escape(device.bus_id)}</code>", str(device.module_id), escape(device.serial))
        rows.append((*place, badge(card.outcome.verdict.value), *_telemetry(card)))
    note = '<p class="note">Minimum / mean / maximum over the test.</p>'
    return ["<h2>Cards</h2>", table(heads, rows, numbers=(1, 4, 5, 6, 7)), note]


def _steps(steps: Sequence[StepResult]) -> list[str]:
    """Of a campaign: which card passed which test."""
    if not steps:
        return []
    rows = []
    for step in steps:
        passed = sum(card.verdict == "PASSED" for card in step.cards)
        bad = [card.bus_id for card in step.cards if card.verdict != "PASSED"]
        test = f"<code>{escape(step.command)}</code>"
        cards = f"{passed} of {len(step.cards)}"
        not_passed = "<br>".join(f"<code>{escape(bus_id)}</code>" for bus_id in bad)
        report = f'<span class="note">{escape(step.report or "")}</span>'
        rows.append((str(step.number + 1), test, badge(step.verdict), cards, not_passed, f"{step.seconds:.1f}", report))
    heads = ("Step", "Test", "Verdict", "Cards passed", "Not passed", "Seconds", "Report")
    return ["<h2>Steps</h2>", table(heads, rows, numbers=(0, 3, 5))]


def _telemetry(card: CardReport) -> list[str]:
    telemetry = card.telemetry
    if telemetry is None:
        return ["not measured", "", "", "", ""]
    names = [reason.name.lower() for reason in telemetry.throttle_reasons if reason.name]
    values = (telemetry.power_w, telemetry.clock_mhz, telemetry.temp_c)
    ecc = f"{telemetry.ecc_corrected}/{telemetry.ecc_uncorrected}"
    return [*[spread(value, 0) for value in values], ecc, ", ".join(names) or "no"]


def _comparisons(comparisons: Sequence[Comparison]) -> list[str]:
    if not comparisons:
        return []
    rows = [
        (
            f"<code>{escape(found.metric)}</code>",
            str(found.cards),
            *[f"{value:.1f}" for value in (found.minimum, found.median, found.maximum, found.lowest_allowed)],
            escape(found.unit),
        )
        for found in comparisons
    ]
    heads = ("Metric", "Cards", "Minimum", "Median", "Maximum", "Allowed from", "Unit")
    return ["<h2>Cards compared</h2>", table(heads, rows, numbers=(1, 2, 3, 4, 5))]


def _plots(cards: Sequence[CardReport]) -> list[str]:
    starts = [card.history[0].box_s for card in cards if card.history]
    if not starts:
        return []
    begin_s = min(starts)
    keys = [f"<span>{_key(n)}<code>{escape(card.device.bus_id)}</code></span>" for n, card in enumerate(cards)]
    parts = ["<h2>Over box time</h2>", f'<div class="legend">{"".join(keys)}</div>']
    for title, value in _PLOTS:
        lines = [
            Line(card.device.bus_id, [(point.box_s - begin_s, value(point)) for point in card.history])
            for card in cards
        ]
        parts.append(render_plot(title, lines))
    return [*parts, *_series_plots(cards, begin_s)]


def _series_plots(cards: Sequence[CardReport], begin_s: float) -> Iterator[str]:
    """What the test itself measured over time, each with its limit."""
    names = dict.fromkeys((series.name, series.unit) for card in cards for series in card.outcome.series)
    for name, unit in names:
        lines = []
        for card in cards:
            found = [series for series in card.outcome.series if series.name == name]
            points = [(time_s - begin_s, value) for series in found for time_s, value in series.points]
            lines.append(Line(card.device.bus_id, points))
        limits = {metric.limit for card in cards for metric in card.outcome.metrics if metric.name == name}
        limit = limits.pop() if len(limits) == 1 else None
        yield render_plot(f"{name}, {unit}", lines, limit)


def _limits(report: Report) -> list[str]:
    rows = []
    for card, limits in report.ending.limits.items():
        for name, limit in limits.items():
            place = f"<code>{escape(name)}</code>"
            figures = (f"{limit.value:g}", escape(limit.unit), escape(limit.basis), escape(limit.source))
            rows.append((escape(card), place, *figures))
    if not rows:
        return []
    heads = ("Card", "Limit", "Value", "Unit", "Basis", "Source")
    return ["<h2>Limits</h2>", table(heads, rows, numbers=(2,))]


def _details(cards: Sequence[CardReport]) -> list[str]:
    parts = ["<h2>Details</h2>"] if cards else []
    for card in cards:
        verdict = card.outcome.verdict.value
        place = f"serial {card.device.serial}, module {card.device.module_id}, {card.name}, PCB {card.pcb_version}"
        is_open = "" if card.is_passed else " open"
        parts += [
            f"<details{is_open}><summary><code>{escape(card.device.bus_id)}</code> {badge(verdict)}</summary>",
            f'<p class="note">{escape(place)}</p>',
            *_metrics(card.outcome.metrics),
            *_runner_lines(card.lines),
            "</details>",
        ]
    return parts


def _metrics(metrics: Sequence[Metric]) -> list[str]:
    if not metrics:
        return []
    rows = [tuple(escape(text) for text in metric_figures(metric)) for metric in metrics]
    heads = ("Metric", "Value", "Unit", "Minimum / median / maximum", "Limit", "Time", "Dilation")
    return [table(heads, rows, numbers=(1, 3, 4, 6))]


def _runner_lines(lines: Sequence[str]) -> list[str]:
    """The last ones: the text of a card has all of them."""
    return [f"<pre>{escape(chr(10).join(lines[-40:]))}</pre>"] if lines else []
