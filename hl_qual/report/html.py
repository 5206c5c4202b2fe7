"""The report as one HTML file for people: verdicts, plots, metrics, findings. No script, nothing from outside. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from hl_qual.history import Point
from hl_qual.report.card import metric_text
from hl_qual.report.lines import long_time, spread
from hl_qual.report.model import CardReport, Report
from hl_qual.report.plot import COLOURS, Line, render_plot

__all__ = ["render_html"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #f4f5f7; --rule: #d5d9df; --good: #1a7f37;
  --bad: #c62828; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --paper: #15181c; --soft: #1f242a; --rule: #3a414a;
  --good: #4cc38a; --bad: #ff6b6b; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
code, td.n { font-family: ui-monospace, monospace; font-size: .9em; }
pre { background: var(--soft); padding: .6rem .8rem; overflow-x: auto; font-size: .85em; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .25rem .6rem .25rem 0;
  border-bottom: 1px solid var(--rule); vertical-align: top; }
.PASSED { color: var(--good); font-weight: 600; } .FAILED, .NOT_EXECUTED { color: var(--bad); font-weight: 600; }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; }
svg { width: 100%; height: auto; margin: .5rem 0; } svg text { font: 11px system-ui, sans-serif; fill: var(--ink); }
svg .title { font-size: 13px; font-weight: 600; } .grid { stroke: var(--rule); stroke-width: 1; }
.line { stroke-width: 1.6; stroke-linejoin: round; }
"""
_PLOTS: tuple[tuple[str, Callable[[Point], float]], ...] = (
    ("Power on the 54 V rail as reported (filter of 1 s), W", lambda point: point.power_w),
    ("Temperature, C", lambda point: point.temp_c),
    ("SoC clock, MHz", lambda point: point.clock_mhz),
)


def render_html(report: Report) -> str:
    """The whole document."""
    opening, ending = report.opening, report.ending
    title = f"hl_qual {opening.test} on {opening.host}"
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}: {_verdict(ending.is_passed)}</h1>",
        f"<p>{_about(report)}</p><pre>{escape(opening.command_line)}</pre>",
        *_findings([(finding.code, finding.message, finding.action) for finding in ending.findings]),
        *_overview(ending.cards),
        *_plots(ending.cards),
        *[part for card in ending.cards for part in _card(card)],
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _verdict(is_passed: bool) -> str:
    word = "PASSED" if is_passed else "FAILED"
    return f'<span class="{word}">{word}</span>'


def _about(report: Report) -> str:
    box = report.opening.box
    where = "no driver answered" if box is None else f"box {box.name} ({box.box_type}), release {box.release}"
    rate = "" if box is None or box.clock_rate == 1 else f", box clock at rate {box.clock_rate:g}"
    text = f"Emulated devices: {where}{rate}. {long_time(report.opening.started)} to {long_time(report.ending.ended)}."
    return escape(text)


def _key(position: int) -> str:
    return f'<span class="key" style="background:{COLOURS[position % len(COLOURS)]}"></span>'


def _overview(cards: Sequence[CardReport]) -> list[str]:
    if not cards:
        return []
    head = "".join(
        f"<th>{name}</th>" for name in ("Device", "Verdict", "Power W", "Clock MHz", "Temperature C", "Throttled")
    )
    lines = ["<h2>Cards</h2>", f"<table><tr>{head}</tr>"]
    for position, card in enumerate(cards):
        word = card.outcome.verdict.value
        cells = [f"{_key(position)}<code>{escape(card.device.bus_id)}</code>", f'<span class="{word}">{word}</span>']
        lines.append(f"<tr><td>{'</td><td>'.join([*cells, *_telemetry(card)])}</td></tr>")
    return [*lines, "</table><p>Minimum / mean / maximum over the test.</p>"]


def _telemetry(card: CardReport) -> list[str]:
    telemetry = card.telemetry
    if telemetry is None:
        return ["not measured", "", "", ""]
    names = [reason.name.lower() for reason in telemetry.throttle_reasons if reason.name]
    values = (telemetry.power_w, telemetry.clock_mhz, telemetry.temp_c)
    return [*[spread(value, 0) for value in values], ", ".join(names) or "no"]


def _plots(cards: Sequence[CardReport]) -> list[str]:
    starts = [card.history[0].box_s for card in cards if card.history]
    if not starts:
        return []
    begin_s = min(starts)
    parts = ["<h2>Over box time</h2>"]
    for title, value in _PLOTS:
        lines = [
            Line(card.device.bus_id, [(point.box_s - begin_s, value(point)) for point in card.history])
            for card in cards
        ]
        parts.append(render_plot(title, lines))
    return parts


def _card(card: CardReport) -> list[str]:
    outcome = card.outcome
    findings = [(finding.code, finding.message, finding.action) for finding in outcome.findings]
    metrics = "\n".join(escape(metric_text(metric)) for metric in outcome.metrics)
    place = f"serial {card.device.serial}, module {card.device.module_id}, {card.name}"
    parts = [
        f"<h2><code>{escape(card.device.bus_id)}</code>: {escape(outcome.verdict.value)}</h2>",
        f"<p>{escape(place)}</p>",
    ]
    parts += _findings(findings)
    return [*parts, f"<pre>{metrics}</pre>"] if metrics else parts


def _findings(findings: Sequence[tuple[str, str, str]]) -> list[str]:
    if not findings:
        return []
    rows = [f"<tr><td>{'</td><td>'.join(escape(text) for text in finding)}</td></tr>" for finding in findings]
    return ["<table><tr><th>Finding</th><th>What</th><th>What to do</th></tr>", *rows, "</table>"]
