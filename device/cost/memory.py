"""What commands outside of a graph do with memory: copies by one or all DMA engines, fills, and checks by the TPC.

Such a command may use more DMA engines than the compiler plans with. Bytes in the SRAM do not cross the HBM.
"""

from __future__ import annotations

from dataclasses import replace

from device.cost.dma import CopyShape, copy_work
from device.cost.tpc import ElementwiseShape, elementwise_work
from device.cost.work import Work
from device.engine_class import EngineClass
from device.spec import AsicSpec

__all__ = ["command_copy_work", "command_fill_work", "command_read_work"]


def command_copy_work(
    size_bytes: int,
    spec: AsicSpec,
    engine: EngineClass,
    channels: int | None = None,
    from_hbm: bool = True,
    to_hbm: bool = True,
) -> Work:
    """By the DMA with `channels` engines (None: all that a command may have), or by the TPC."""
    if engine is EngineClass.TPC:
        work = _tpc(size_bytes, 1, size_bytes, size_bytes, spec)
    else:
        shape = CopyShape(runs=1, run_bytes=size_bytes, read_bytes=size_bytes)
        work = copy_work(shape, _with_engines(spec, channels))
    return _placed(work, size_bytes if from_hbm else 0, size_bytes if to_hbm else 0, 2 * size_bytes)


def command_fill_work(size_bytes: int, spec: AsicSpec, engine: EngineClass, to_hbm: bool = True) -> Work:
    """Reads nothing."""
    if engine is EngineClass.TPC:
        work = _tpc(size_bytes, 0, 0, size_bytes, spec)
    else:
        work = command_copy_work(size_bytes, spec, engine)
        work = replace(work, fixed_ns=spec.dma.overhead_ns // 2)
    return _placed(work, 0, size_bytes if to_hbm else 0, size_bytes)


def command_read_work(size_bytes: int, spec: AsicSpec, from_hbm: bool = True) -> Work:
    """The TPC reads and compares; its verdict is a few bytes."""
    work = _tpc(size_bytes, 1, size_bytes, 0, spec)
    return _placed(work, size_bytes if from_hbm else 0, 0, size_bytes)


def _placed(work: Work, hbm_read_bytes: int, hbm_write_bytes: int, all_bytes: int) -> Work:
    """What does not cross the HBM crosses the SRAM."""
    sram_bytes = all_bytes - hbm_read_bytes - hbm_write_bytes
    return replace(work, hbm_read_bytes=hbm_read_bytes, hbm_write_bytes=hbm_write_bytes, sram_bytes=sram_bytes)


def _with_engines(spec: AsicSpec, channels: int | None) -> AsicSpec:
    most = spec.dma.command_engines
    engines = most if channels is None else channels
    if not 1 <= engines <= most:
        raise ValueError(f"{engines} DMA channels; a {spec.name} has 1 to {most}")
    return replace(spec, dma=replace(spec.dma, engines=engines))


def _tpc(size_bytes: int, inputs: int, read_bytes: int, write_bytes: int, spec: AsicSpec) -> Work:
    """Bytes as 4-byte elements, which the vectors do not care about."""
    count = -(-size_bytes // 4)
    work = elementwise_work(ElementwiseShape(count, inputs, read_bytes, 4, 4, 1, 0), spec)
    return replace(work, hbm_write_bytes=write_bytes)
