"""Sub-report 6, the Tested Device Report of one card. Also the content of its own log file. Pure."""

from __future__ import annotations

from hl_qual.outcome import Metric, Outcome
from hl_qual.report.lines import banner, defused, finding_lines, long_time
from hl_qual.report.model import CardReport

__all__ = ["metric_figures", "metric_text", "render_card"]


def render_card(card: CardReport, is_run_passed: bool, with_runner_lines: bool = True) -> list[str]:
    """Lines of one card; `with_runner_lines` is False where they have been printed already."""
    lines = [
        banner(f"Tested device report: {card.device.bus_id}"),
        f"Serial number: {card.device.serial}",
        f"PCB version: {card.pcb_version}",
        f"Start time: {long_time(card.started)}",
    ]
    if with_runner_lines:
        lines += [defused(line, is_run_passed) for line in card.lines]
    lines += _metrics(card.outcome)
    for finding in card.outcome.findings:
        lines += [defused(line, is_run_passed) for line in finding_lines(finding)]
    lines.append(f"End time: {long_time(card.ended)}")
    return lines


def _metrics(outcome: Outcome) -> list[str]:
    lines = [metric_text(metric) for metric in outcome.metrics]
    coverage = outcome.coverage
    if coverage is not None and coverage.executed:
        share = 100 * coverage.checked / coverage.executed
        last = "yes" if coverage.is_last_checked else "no"
        lines.append(
            f"checked {coverage.checked} of {coverage.executed} results ({share:.0f} %), last one {last}, "
            f"mismatches {coverage.mismatched}"
        )
    return lines + [
        f"retest of seed {retest.seed}, data set {retest.data_set}: wrong {retest.wrong} of {retest.runs} times "
        f"({100 * retest.failure_rate:.0f} %)"
        for retest in outcome.retests
    ]


def metric_text(metric: Metric) -> str:
    """One line: value, spread, limit, where the time comes from."""
    text = f"{metric.name:<24} {_number(metric.value)} {metric.unit}"
    spread = (metric.minimum, metric.median, metric.maximum)
    if None not in spread:
        text += f"  min/median/max {' / '.join(_number(value) for value in spread if value is not None)}"
    if metric.limit is not None:
        text += f"  limit {_number(metric.limit)} {metric.unit}"
    if metric.upper_limit is not None:
        text += f"  at most {_number(metric.upper_limit)} {metric.unit}"
    text += f"  ({metric.clock} time, {metric.basis})"
    if metric.dilation is not None:
        text += f"  dilation {_number(metric.dilation)}"
    return text


def metric_figures(metric: Metric) -> tuple[str, ...]:
    """The same as cells: name, value, unit, spread, limit, clock and basis, dilation."""
    spread = (metric.minimum, metric.median, metric.maximum)
    spread_text = " / ".join(_number(value) for value in spread if value is not None)
    limits = [f"from {_number(metric.limit)}"] if metric.limit is not None else []
    limits += [f"up to {_number(metric.upper_limit)}"] if metric.upper_limit is not None else []
    dilation = "" if metric.dilation is None else _number(metric.dilation)
    clock = f"{metric.clock}, {metric.basis}"
    return metric.name, _number(metric.value), metric.unit, spread_text, ", ".join(limits), clock, dilation


def _number(value: float) -> str:
    """Plain digits with about four significant places."""
    if value == int(value) or abs(value) >= 10000:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 1000 else f"{value:.4g}"
