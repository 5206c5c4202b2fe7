"""What the pulses of a card amount to: findings and metrics. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hl_qual.distribution import Distribution
from hl_qual.findings import Finding
from hl_qual.outcome import Metric
from hl_qual.plugins.power_judge import mean_power_w, power_findings, starved_share
from hl_qual.plugins.power_meter import PowerSpan

if TYPE_CHECKING:
    from hl_qual.plugins.edp_pulses import Pulses
    from hl_qual.plugins.edp_stress import PulsePlan

__all__ = ["pulse_findings", "pulse_metrics"]


def pulse_findings(plan: PulsePlan, results: Pulses, limits: Mapping[str, float]) -> list[Finding]:
    """Each level against its own window; a phase that was not measured is no pass."""
    findings = []
    clock = (results.clock_mhz.minimum, results.clock_mhz.maximum)
    for index, level in enumerate(plan.names):
        pulses = [pulse for pulse in results.pulses if pulse.level == index]
        if any(pulse.idle is None for pulse in pulses):
            findings.append(Finding("NO_MEASUREMENT", f"the idle phases at level {level} were too short to measure"))
        elif pulses:
            findings += power_findings(level, [pulse.work for pulse in pulses], clock, limits)
    if results.lost_peers:
        message = f"{results.lost_peers} other runners ended early; the rising edges after that came without them"
        findings.append(Finding("EDP_PEER_LOST", message))
    return findings


def pulse_metrics(plan: PulsePlan, results: Pulses, limits: Mapping[str, float]) -> tuple[Metric, ...]:
    """Power of the phases by level, pulses, clock, skew."""
    metrics: list[Metric] = []
    for index, level in enumerate(plan.names):
        spans = [pulse.work for pulse in results.pulses if pulse.level == index]
        metrics += _phase_metrics(f"work_power_{level}", spans, limits[f"{level}_min_power"])
    metrics += _phase_metrics("idle_power", [pulse.idle for pulse in results.pulses], None)
    if not metrics:
        return ()
    work = [pulse.work for pulse in results.pulses if pulse.work is not None]
    metrics.append(Metric("peak_power", max([span.peak_w for span in work], default=0.0), "W", "box", "measured"))
    metrics.append(Metric("pulses", len(results.pulses), "pulses", "box", "measured"))
    metrics.append(_spread("soc_clock", results.clock_mhz, "MHz", ("device", "model")))
    if results.skew_ns.count:
        metrics.append(_spread("edge_skew", results.skew_ns, "ms", ("box", "measured"), scale=1e-6))
    return (*metrics, Metric("starved_share", starved_share(work), "ratio", "box", "measured"))


def _phase_metrics(name: str, spans: Sequence[PowerSpan | None], limit_w: float | None) -> list[Metric]:
    """The spread is from the lowest window to the highest one, the median is that of the phases' means."""
    measured = [span for span in spans if span is not None and span.seconds > 0]
    if not measured:
        return []
    middle = statistics.median(span.mean_w for span in measured)
    low, high = min(span.minimum_w for span in measured), max(span.maximum_w for span in measured)
    return [Metric(name, mean_power_w(measured), "W", "box", "measured", low, middle, high, limit_w)]


def _spread(name: str, values: Distribution, unit: str, kind: tuple[str, str], scale: float = 1.0) -> Metric:
    low, middle, high = (scale * value for value in (values.minimum, values.median, values.maximum))
    return Metric(name, middle, unit, kind[0], kind[1], low, middle, high)
