"""What a card shows and is, as plain values: identity, readings, status, an injected fault as it is stored."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NamedTuple

from device._device import lib
from device.address_map import HbmRow
from device.engine_class import EngineShares

__all__ = ["CardIdentity", "CardReading", "CardStatus", "FaultRecord", "Pulse", "RepairCause", "RowRepair"]


class CardStatus(enum.IntEnum):
    """enum gaudi_status, the driver's enum hl_device_status. MALFUNCTION reads "Disabled"."""

    OPERATIONAL = lib.GAUDI_STATUS_OPERATIONAL
    IN_RESET = lib.GAUDI_STATUS_IN_RESET
    MALFUNCTION = lib.GAUDI_STATUS_MALFUNCTION
    NEEDS_RESET = lib.GAUDI_STATUS_NEEDS_RESET
    IN_CREATION = lib.GAUDI_STATUS_IN_CREATION
    IN_RESET_AFTER_RELEASE = lib.GAUDI_STATUS_IN_RESET_AFTER_RELEASE


@dataclass(frozen=True, slots=True)
class CardIdentity:
    """What the runtime needs of a card's immutable facts."""

    family: str
    name: str
    serial: str
    bus_id: str
    module_id: int
    port_count: int
    memory_total_bytes: int
    memory_reserved_bytes: int
    sram_bytes: int
    clock_soc_max_mhz: int


@dataclass(frozen=True, slots=True)
class CardReading:
    """All values of one moment, as csrc/card.h's gaudi_reading has them."""

    box_ns: int
    clock_ratio: float
    clock_soc_mhz: float
    power_w: float
    energy_j: float
    die_c: float
    hbm_c: float
    utilization_percent: float
    limit_mw: int
    flags: int
    activity: EngineShares
    memory_used_bytes: int
    status: int
    is_lost: bool
    reset_count: int
    pcie_generation: int
    pcie_width: int
    dilation: float
    launches: int

    @property
    def is_shut_down(self) -> bool:
        """By the firmware, for heat; until a reset."""
        return bool(self.flags & lib.GAUDI_THERMAL_SHUTDOWN)


class Pulse(NamedTuple):
    """The few words that every launch looks at, of one moment."""

    box_ns: int
    clock_ratio: float
    status: int
    is_lost: bool
    reset_count: int
    die_c: float


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """An injected fault as it lies in the card file; faults.py knows what it means. `injected_ns` is the box time from
    which it acts; for `add_fault` the time until then. `hits` are not compared."""

    kind: int
    flags: int
    degree: float
    seed: int
    address: int
    injected_ns: int = 0
    parameters: tuple[int, int] = (0, 0)
    hits: int = field(default=0, compare=False)


class RepairCause(enum.IntEnum):
    """Why a row is replaced, with HLML's values."""

    SINGLE_BIT = 0
    DOUBLE_BIT = 1


@dataclass(frozen=True, slots=True)
class RowRepair:
    """A row that is replaced by a spare one, or will be at the next reset."""

    row: HbmRow
    cause: RepairCause
    is_pending: bool
