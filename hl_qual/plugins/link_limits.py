"""Which bandwidth the link to the host has to reach: by -gen and -lanes, else by what the card can do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hl_qual.findings import Finding
from hl_qual.plugins.memory_bench import GIGA

if TYPE_CHECKING:
    from device.spec import PcieSpec

__all__ = ["LinkLimit", "link_limit"]


@dataclass(frozen=True, slots=True)
class LinkLimit:
    """In one direction, in GB/s; `link` names generation and lanes."""

    value: float
    link: str

    def findings(self, what: str, actual: float, directions: int) -> list[Finding]:
        """`actual` in bytes per second of all directions together."""
        limit = self.value * directions
        if actual >= limit * GIGA:
            return []
        shown = f"{actual / GIGA:.2f} GB/s"
        message = f"{what}: {shown} in device time, expected of {self.link}"
        return [Finding("PCIE_BANDWIDTH", message, engine="PCIE", actual=shown, limit=f"{limit:.2f} GB/s")]


def link_limit(switches: Mapping[str, str | None], pcie: PcieSpec, limits: Mapping[str, float]) -> LinkLimit:
    """The line rate less the loss that is allowed; KeyError for a link without a limit."""
    generation = (switches.get("-gen") or f"gen{pcie.generation}").removeprefix("gen")
    lanes = int(switches.get("-lanes") or pcie.lanes)
    line_rate = limits[f"gen{generation}_lane_rate"] * lanes
    return LinkLimit(line_rate * (1 - limits["allowed_loss"]), f"generation {generation} with {lanes} lanes")
