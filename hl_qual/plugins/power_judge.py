"""Did a card draw what its level has to draw? Pure. For power_stress and edp_stress."""

from __future__ import annotations

from collections.abc import Mapping

from hl_qual.findings import Finding

__all__ = ["power_findings"]


def power_findings(
    level: str, mean_w: float | None, busy_share: float, clock_mhz: tuple[float, float], limits: Mapping[str, float]
) -> list[Finding]:
    """`busy_share` is the share of box time in which something was executed, `clock_mhz` the lowest and the highest.

    A host that is too slow lets the card idle between launches; then low power says nothing about the card.
    """
    if mean_w is None:
        return [Finding("NO_MEASUREMENT", "the test was too short to measure power after the settling time")]
    limit_w = limits[f"{level}_min_power"]
    if mean_w >= limit_w:
        return []
    actual, limit = f"{mean_w:.1f} W", f"{limit_w:.0f} W"
    share_limit = limits["min_busy_share"]
    if busy_share < share_limit:
        message = f"the host kept the card busy for {100 * busy_share:.1f} % of the time; {actual} mean 54 V power"
        return [Finding("HOST_TOO_SLOW", message, actual=f"{busy_share:.3f}", limit=f"{share_limit:.3f}")]
    message = f"mean 54 V power {actual} at level {level}, clock {clock_mhz[0]:.0f} to {clock_mhz[1]:.0f} MHz"
    return [Finding("POWER_BELOW_WINDOW", message, actual=actual, limit=limit)]
