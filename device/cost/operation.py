"""From work to device time: the engine's cycles at its present clock against the bytes of HBM and SRAM."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from device.cost.work import Work
from device.engine_class import EngineClass, EngineShares
from device.spec import AsicSpec

__all__ = ["Bound", "OperationCost", "check_clock_ratio", "engine_clock_hz", "operation_cost", "transfer_cost"]


class Bound(enum.StrEnum):
    """What decides how long an operation takes."""

    ENGINE = "engine"
    HBM = "hbm"
    SRAM = "sram"


@dataclass(frozen=True, slots=True)
class OperationCost:
    """One operation alone on the card. `busy` are shares of `seconds`."""

    work: Work
    seconds: float
    engine_seconds: float
    hbm_seconds: float
    sram_seconds: float
    bound: Bound
    busy: EngineShares


def operation_cost(work: Work, spec: AsicSpec, clock_ratio: float = 1.0) -> OperationCost:
    """`clock_ratio` is the SoC clock over its maximum, above 0 and at most 1."""
    cycles_s = work.cycles / engine_clock_hz(work.engine, spec, clock_ratio)
    return _against_memory(work, work.fixed_ns * 1e-9 + cycles_s, spec)


def transfer_cost(work: Work, bytes_per_s: float, size_bytes: int, spec: AsicSpec) -> OperationCost:
    """A transfer over a link, which has a rate instead of cycles."""
    return _against_memory(work, work.fixed_ns * 1e-9 + size_bytes / bytes_per_s, spec)


def engine_clock_hz(engine: EngineClass, spec: AsicSpec, clock_ratio: float = 1.0) -> float:
    """The SoC clock drives MME and TPC. That the DMA, on the clock of the network on chip, is not slowed is assumed."""
    check_clock_ratio(clock_ratio)
    if engine is EngineClass.MME:
        return spec.mme.clock_mhz * 1e6 * clock_ratio
    if engine is EngineClass.TPC:
        return spec.tpc.clock_mhz * 1e6 * clock_ratio
    if engine is EngineClass.DMA:
        return spec.dma.clock_mhz * 1e6
    raise ValueError(f"the {engine.name} has no cycles; its cost is a rate in bytes")


def check_clock_ratio(clock_ratio: float) -> None:
    if not 0.0 < clock_ratio <= 1.0:
        raise ValueError(f"clock ratio {clock_ratio}, expected above 0 and at most 1")


def _against_memory(work: Work, engine_s: float, spec: AsicSpec) -> OperationCost:
    hbm_s = work.hbm_bytes / spec.hbm.bytes_per_s
    sram_s = work.sram_bytes / spec.sram.peak_bytes_per_s
    seconds = max(engine_s, hbm_s, sram_s)
    bound = Bound.ENGINE if engine_s >= max(hbm_s, sram_s) else Bound.HBM if hbm_s >= sram_s else Bound.SRAM
    busy = EngineShares.from_seconds({work.engine: engine_s, EngineClass.HBM: hbm_s}, seconds)
    return OperationCost(work, seconds, engine_s, hbm_s, sram_s, bound, busy)
