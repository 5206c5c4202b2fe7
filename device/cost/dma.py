"""The DMA: linear copies within the card, cut into descriptors and dealt out to the engines."""

from __future__ import annotations

import math

from device.cost.work import Work
from device.engine_class import EngineClass
from device.spec import AsicSpec

__all__ = ["copy_work"]


def copy_work(size_bytes: int, spec: AsicSpec) -> Work:
    """Rounds of one descriptor an engine; the last round lasts as long as its largest descriptor.

    ValueError for an ASIC whose compiler has no DMA engine: there a copy is an elementwise operation of the TPC.
    """
    dma = spec.dma
    if dma.engines == 0:
        raise ValueError(f"the compiler of {spec.name} has no DMA engine; copies run on its TPC")
    full_descriptors, tail_bytes = divmod(size_bytes, dma.descriptor_bytes)
    rounds, left_over = divmod(full_descriptors, dma.engines)
    serial_bytes = rounds * dma.descriptor_bytes + (dma.descriptor_bytes if left_over else tail_bytes)
    return Work(
        engine=EngineClass.DMA,
        cycles=math.ceil(serial_bytes / (dma.bytes_per_cycle * dma.efficiency)),
        fixed_ns=dma.overhead_ns,
        hbm_read_bytes=size_bytes,
        hbm_write_bytes=size_bytes,
        flops=0,
    )
