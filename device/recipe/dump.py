"""A recipe as text for people: one line a descriptor, in the order of the schedule.

An operand is a persistent tensor by name, `ws` the workspace, `sram` the SRAM; `~` before it: a hit in the cache.
"""

from __future__ import annotations

from device.dtypes import DataType
from device.recipe.descriptors import (
    Copy,
    Descriptor,
    MmeConvolution,
    MmeGemm,
    Operand,
    Place,
    SyncPoint,
    TpcColumns,
    TpcElementwise,
    TpcIndexed,
    TpcRows,
)
from device.recipe.recipe import Recipe

__all__ = ["dump", "operation_text"]


def dump(recipe: Recipe) -> str:
    sram = f", SRAM {recipe.sram_bytes} B" if recipe.sram_bytes else ""
    lines = [f"recipe {recipe.name} for {recipe.asic}: workspace {recipe.workspace_bytes} B{sram}"]
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
    on_chip = f", {work.sram_bytes} B on chip" if work.sram_bytes else ""
    cost = f"{work.cycles} cycles, {work.hbm_bytes} B{on_chip}"
    head = f"  {descriptor.order:>3} {descriptor.engine.name:<3} {descriptor.node}: {operation_text(descriptor)}"
    return f"{head} {reads} -> {writes}; wait {waits}; signal {_point(descriptor.signal)}; {cost}"


def operation_text(descriptor: Descriptor) -> str:
    """What a descriptor does, in a few words."""
    if isinstance(descriptor, MmeGemm):
        return _gemm(descriptor)
    if isinstance(descriptor, MmeConvolution):
        return _convolution(descriptor)
    if isinstance(descriptor, TpcElementwise):
        return _program(descriptor)
    if isinstance(descriptor, TpcRows):
        return f"{descriptor.op.guid(descriptor.dtype)} {descriptor.rows} rows of {descriptor.columns}"
    if isinstance(descriptor, TpcColumns):
        extents = f"{descriptor.outer} x {descriptor.count} x {descriptor.inner}"
        return f"{descriptor.op.guid(descriptor.dtype)} the middle of {extents}"
    if isinstance(descriptor, TpcIndexed):
        extents = f"{descriptor.outer} x {descriptor.size} x {descriptor.inner}"
        return f"{descriptor.op.guid(descriptor.dtype)} {descriptor.count} of the middle of {extents}"
    if isinstance(descriptor, Copy):
        return f"copy {'x'.join(str(size) for size in descriptor.sizes)}"
    return f"fill x{descriptor.count} with {descriptor.value.bits:#x}"


def _gemm(gemm: MmeGemm) -> str:
    batch = "" if gemm.batch == 1 else f"{gemm.batch} x "
    steps = [f"gemm {batch}{gemm.m}x{gemm.n}x{gemm.k}", gemm.geometry]
    optional = {"A^T": gemm.transpose_a, "B^T": gemm.transpose_b, "bias": gemm.bias is not None, "relu": gemm.relu}
    steps.extend(name for name, is_present in optional.items() if is_present)
    steps.append(gemm.output)
    types = (gemm.a_type, gemm.b_type)
    return " ".join(steps if types == (DataType.BF16, DataType.BF16) else [*steps, "of", *types])


def _convolution(step: MmeConvolution) -> str:
    window = step.window
    kernel = f"{window.height.kernel}x{window.width.kernel}"
    image = f"{window.batch}x{window.height.x}x{window.width.x}x{window.channels}"
    optional = {"bias": step.bias is not None, "relu": step.relu}
    marks = [name for name, is_present in optional.items() if is_present]
    parts = [step.op, f"{window.filters} of {kernel} on {image}", step.geometry, *marks, step.output]
    return " ".join([*parts, "of", step.a_type, step.b_type])


def _program(step: TpcElementwise) -> str:
    guids = "; ".join(each.op.guid(each.dtype) for each in step.program)
    repeats = [access for access in step.accesses if access.period != step.count]
    marks = "".join(f" period {access.period}" for access in repeats)
    return f"{guids} x{step.count}{marks}"


def _operand(recipe: Recipe, operand: Operand) -> str:
    if operand.place is Place.SRAM:
        return f"sram+{operand.offset_bytes}:{operand.size_bytes}"
    mark = "~" if operand.place is Place.CACHE else ""
    if operand.tensor is None:
        return f"{mark}ws+{operand.offset_bytes}:{operand.size_bytes}"
    name = mark + recipe.tensors[operand.tensor].name
    return name if operand.offset_bytes == 0 else f"{name}+{operand.offset_bytes}:{operand.size_bytes}"


def _point(point: SyncPoint) -> str:
    return f"sob{point.sob}>={point.value}"
