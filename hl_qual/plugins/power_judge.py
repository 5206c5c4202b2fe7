"""Did a card draw what its level has to draw? Pure. For power_stress and edp_stress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hl_qual.findings import Finding
from hl_qual.plugins.power_meter import PowerSpan

__all__ = ["mean_power_w", "power_findings", "starved_share"]


def mean_power_w(spans: Sequence[PowerSpan]) -> float:
    """Weighted by time; 0 if all of it was starved."""
    seconds = sum(span.seconds for span in spans)
    return sum(span.mean_w * span.seconds for span in spans) / seconds if seconds > 0 else 0.0


def starved_share(spans: Sequence[PowerSpan]) -> float:
    """The share of the time in which the host left the card without work."""
    starved_s = sum(span.starved_s for span in spans)
    whole_s = starved_s + sum(span.seconds for span in spans)
    return starved_s / whole_s if whole_s > 0 else 0.0


def power_findings(
    level: str, spans: Sequence[PowerSpan | None], clock_mhz: tuple[float, float], limits: Mapping[str, float]
) -> list[Finding]:
    """`clock_mhz` is the lowest and the highest one. A span that is None was not measured, and that is no pass."""
    measured = [span for span in spans if span is not None]
    if not measured or len(measured) < len(spans):
        return [Finding("NO_MEASUREMENT", "the test was too short to measure power after the settling time")]
    share, share_limit = starved_share(measured), limits["max_starved_share"]
    if share > share_limit:
        message = f"the host left the card without work for {100 * share:.0f} % of the time"
        return [Finding("HOST_TOO_SLOW", message, actual=f"{share:.2f}", limit=f"{share_limit:.2f}")]
    mean_w, limit_w = mean_power_w(measured), limits[f"{level}_min_power"]
    if mean_w >= limit_w:
        return []
    actual, limit = f"{mean_w:.1f} W", f"{limit_w:.0f} W"
    message = f"mean 54 V power {actual} at level {level}, clock {clock_mhz[0]:.0f} to {clock_mhz[1]:.0f} MHz"
    return [Finding("POWER_BELOW_WINDOW", message, actual=actual, limit=limit)]
