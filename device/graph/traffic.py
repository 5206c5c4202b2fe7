"""Which bytes of a descriptor's work stay on the chip, now that every operand has a place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from device.cost import GemmShape, Work, plan_geometry
from device.graph.node_work import multiplied_type
from device.recipe.descriptors import Copy, Descriptor, MmeGemm, Operand
from device.spec import AsicSpec

__all__ = ["with_on_chip_traffic"]


def with_on_chip_traffic(descriptors: Iterable[Descriptor], spec: AsicSpec) -> tuple[Descriptor, ...]:
    """The same descriptors; accesses to SRAM and cache count as bytes of the chip instead of bytes of the HBM."""
    return tuple(_with_traffic(descriptor, spec) for descriptor in descriptors)


def _with_traffic(descriptor: Descriptor, spec: AsicSpec) -> Descriptor:
    is_local = any(operand.is_on_chip for operand in (*descriptor.reads, *descriptor.writes))
    if not is_local:
        return descriptor
    if isinstance(descriptor, MmeGemm):
        return replace(descriptor, work=_gemm_work(descriptor, spec))
    work = descriptor.work
    if isinstance(descriptor, Copy):
        read_bytes = work.hbm_read_bytes if descriptor.source.is_on_chip else 0
    else:
        read_bytes = _local_bytes(descriptor.reads)
    write_bytes = work.hbm_write_bytes if any(operand.is_on_chip for operand in descriptor.writes) else 0
    return replace(descriptor, work=_moved(work, read_bytes, write_bytes, read_bytes + write_bytes))


def _gemm_work(gemm: MmeGemm, spec: AsicSpec) -> Work:
    """Out of the SRAM the MME reads an operand as often as its walk says; what comes from the HBM is counted once."""
    shape = GemmShape(gemm.m, gemm.n, gemm.k, gemm.batch, gemm.transpose_a, gemm.transpose_b, gemm.is_b_shared)
    kind = multiplied_type(gemm.a_type, gemm.b_type)
    plan = plan_geometry(shape, kind, spec.mme.geometry(gemm.geometry), spec.mme)
    a_bytes, b_bytes = _local_bytes((gemm.a,)), _local_bytes((gemm.b,))
    read_bytes = a_bytes + b_bytes
    write_bytes = gemm.work.hbm_write_bytes if gemm.c.is_on_chip else 0
    fetched_bytes = a_bytes * plan.a_fetches + b_bytes * plan.b_fetches
    return _moved(gemm.work, read_bytes, write_bytes, fetched_bytes + write_bytes)


def _moved(work: Work, read_bytes: int, write_bytes: int, chip_bytes: int) -> Work:
    return replace(
        work,
        hbm_read_bytes=work.hbm_read_bytes - read_bytes,
        hbm_write_bytes=work.hbm_write_bytes - write_bytes,
        sram_bytes=work.sram_bytes + chip_bytes,
    )


def _local_bytes(operands: Iterable[Operand]) -> int:
    return sum(operand.size_bytes for operand in operands if operand.is_on_chip)
