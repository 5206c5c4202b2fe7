"""The classes of hardware that can be busy, the index of every per-engine array.

The same six, in the same order, as `enum gaudi_engine` of the card state; a test holds the two together.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["EngineClass", "EngineShares"]


class EngineClass(enum.IntEnum):
    MME = 0
    TPC = 1
    DMA = 2
    HBM = 3
    NIC = 4
    PCIE = 5


@dataclass(frozen=True, slots=True)
class EngineShares:
    """Share of a stretch of device time, 0..1, in which each class was busy."""

    mme: float = 0.0
    tpc: float = 0.0
    dma: float = 0.0
    hbm: float = 0.0
    nic: float = 0.0
    pcie: float = 0.0

    def as_tuple(self) -> tuple[float, ...]:
        """In the order of EngineClass."""
        return (self.mme, self.tpc, self.dma, self.hbm, self.nic, self.pcie)

    @classmethod
    def from_seconds(cls, busy_s: dict[EngineClass, float], total_s: float) -> EngineShares:
        """Busy seconds of each class within `total_s`; a stretch without length has no share."""
        if total_s <= 0.0:
            return cls()
        shares = [min(busy_s.get(engine, 0.0) / total_s, 1.0) for engine in EngineClass]
        return cls(*shares)
