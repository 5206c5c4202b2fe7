"""Moving and filling: by the DMA, cut into descriptors for its engines, or by the TPC where there is no DMA."""

from __future__ import annotations

import math
from dataclasses import dataclass

from device.cost.tpc import ElementwiseShape, elementwise_work
from device.cost.work import Work
from device.engine_class import EngineClass
from device.spec import AsicSpec

__all__ = ["CopyShape", "copy_work", "fill_work"]

# The DMA moves whole cache lines (synapse: dma_cost_model.cpp).
_LINE_BYTES = 128

# Larger ones are filled by the TPC (synapse: memset engine, DMA up to 100 MB).
_LARGEST_DMA_FILL_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class CopyShape:
    """`runs` pieces of `run_bytes` each that follow each other on both sides. Of the source, `read_bytes` are read."""

    runs: int
    run_bytes: int
    read_bytes: int

    @property
    def size_bytes(self) -> int:
        return self.runs * self.run_bytes


def copy_work(shape: CopyShape, spec: AsicSpec) -> Work:
    """On the DMA each run of a strided copy costs whole cache lines; one run is a linear copy."""
    if spec.dma.engines == 0:
        return _tpc_work(1, shape.size_bytes, shape.read_bytes, spec)
    run_bytes = shape.run_bytes
    if shape.runs > 1:
        run_bytes = math.ceil(run_bytes / _LINE_BYTES) * _LINE_BYTES
    cycles = _dma_cycles(shape.runs * run_bytes, spec)
    return Work(EngineClass.DMA, cycles, spec.dma.overhead_ns, shape.read_bytes, shape.size_bytes, 0)


def fill_work(size_bytes: int, spec: AsicSpec) -> Work:
    """A fill has half the overhead of a copy, and reads nothing."""
    if spec.dma.engines == 0 or size_bytes > _LARGEST_DMA_FILL_BYTES:
        return _tpc_work(0, size_bytes, 0, spec)
    return Work(EngineClass.DMA, _dma_cycles(size_bytes, spec), spec.dma.overhead_ns // 2, 0, size_bytes, 0)


def _dma_cycles(size_bytes: int, spec: AsicSpec) -> int:
    """Rounds of one descriptor an engine; the last round lasts as long as its largest descriptor."""
    dma = spec.dma
    full_descriptors, tail_bytes = divmod(size_bytes, dma.descriptor_bytes)
    rounds, left_over = divmod(full_descriptors, dma.engines)
    serial_bytes = rounds * dma.descriptor_bytes + (dma.descriptor_bytes if left_over else tail_bytes)
    return math.ceil(serial_bytes / (dma.bytes_per_cycle * dma.efficiency))


def _tpc_work(input_count: int, size_bytes: int, read_bytes: int, spec: AsicSpec) -> Work:
    return elementwise_work(ElementwiseShape(size_bytes, input_count, read_bytes, 1, 1, 0, 0), spec)
