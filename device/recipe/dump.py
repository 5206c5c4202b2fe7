"""A recipe as text for people: one line a descriptor, in the order of the schedule."""

from __future__ import annotations

from device.recipe.descriptors import Descriptor, MmeGemm, Operand, SyncPoint, TpcElementwise
from device.recipe.recipe import Recipe

__all__ = ["dump"]


def dump(recipe: Recipe) -> str:
    lines = [f"recipe {recipe.name} for {recipe.asic}: workspace {recipe.workspace_bytes} B"]
    for index, tensor in enumerate(recipe.tensors):
        dims = "x".join(str(dim) for dim in tensor.dims)
        lines.append(f"  tensor {index}: {tensor.role} {tensor.name} {tensor.dtype}[{dims}] {tensor.size_bytes} B")
    lines.extend(_line(recipe, descriptor) for descriptor in recipe.in_order)
    return "\n".join(lines) + "\n"


def _line(recipe: Recipe, descriptor: Descriptor) -> str:
    reads = " ".join(_operand(recipe, operand) for operand in descriptor.reads)
    writes = " ".join(_operand(recipe, operand) for operand in descriptor.writes)
    waits = " ".join(_point(wait) for wait in descriptor.waits) or "-"
    work = descriptor.work
    cost = f"{work.cycles} cycles, {work.hbm_bytes} B"
    head = f"  {descriptor.order:>3} {descriptor.engine.name:<3} {descriptor.node}: {_operation(descriptor)}"
    return f"{head} {reads} -> {writes}; wait {waits}; signal {_point(descriptor.signal)}; {cost}"


def _operation(descriptor: Descriptor) -> str:
    if isinstance(descriptor, MmeGemm):
        return _gemm(descriptor)
    if isinstance(descriptor, TpcElementwise):
        repeat = "" if descriptor.period == descriptor.count else f" period {descriptor.period}"
        return f"{descriptor.op} x{descriptor.count}{repeat}"
    return "copy"


def _gemm(gemm: MmeGemm) -> str:
    steps = [f"gemm {gemm.m}x{gemm.n}x{gemm.k}", gemm.geometry]
    optional = {"A^T": gemm.transpose_a, "B^T": gemm.transpose_b, "bias": gemm.bias is not None, "relu": gemm.relu}
    steps.extend(name for name, is_present in optional.items() if is_present)
    return " ".join([*steps, gemm.output])


def _operand(recipe: Recipe, operand: Operand) -> str:
    if operand.tensor is None:
        return f"ws+{operand.offset_bytes}:{operand.size_bytes}"
    name = recipe.tensors[operand.tensor].name
    return name if operand.offset_bytes == 0 else f"{name}+{operand.offset_bytes}:{operand.size_bytes}"


def _point(point: SyncPoint) -> str:
    return f"sob{point.sob}>={point.value}"
