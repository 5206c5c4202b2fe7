"""How many bytes the shape of a descriptor needs at each operand, and whether the shape makes sense at all.

Private to recipe; validate.py compares with the operands.
"""

from __future__ import annotations

from collections.abc import Iterable

from device.dtypes import DataType
from device.errors import RecipeError
from device.recipe.descriptors import (
    Constant,
    ConvolutionOp,
    Copy,
    Descriptor,
    Extent,
    Fill,
    MmeConvolution,
    MmeGemm,
    Operand,
    TpcColumns,
    TpcElementwise,
    TpcIndexed,
    TpcRows,
)
from device.recipe.tpc_ops import IndexOp

__all__ = ["wanted_sizes"]

Wanted = Iterable[tuple[str, Operand, int]]


def wanted_sizes(descriptor: Descriptor, where: str) -> Wanted:
    """Name, operand and bytes. RecipeError for a shape that no engine can carry out."""
    if isinstance(descriptor, MmeGemm):
        return _gemm_sizes(descriptor, where)
    if isinstance(descriptor, MmeConvolution):
        return _convolution_sizes(descriptor, where)
    if isinstance(descriptor, TpcElementwise):
        return _elementwise_sizes(descriptor, where)
    if isinstance(descriptor, TpcRows):
        return _row_sizes(descriptor, where)
    if isinstance(descriptor, TpcColumns):
        return _column_sizes(descriptor, where)
    if isinstance(descriptor, TpcIndexed):
        return _indexed_sizes(descriptor, where)
    if isinstance(descriptor, Copy):
        return _copy_sizes(descriptor, where)
    return _fill_sizes(descriptor, where)


def _gemm_sizes(gemm: MmeGemm, where: str) -> Wanted:
    if min(gemm.m, gemm.n, gemm.k, gemm.batch) < 1:
        raise RecipeError(f"{where}: {gemm.batch} x {gemm.m} x {gemm.n} x {gemm.k} is no gemm")
    _check_types(gemm, where)
    if gemm.c.overlaps(gemm.a) or gemm.c.overlaps(gemm.b):
        raise RecipeError(f"{where}: a gemm cannot write over its operands")
    a_rows, a_width = (gemm.k, gemm.m) if gemm.transpose_a else (gemm.m, gemm.k)
    b_rows, b_width = (gemm.n, gemm.k) if gemm.transpose_b else (gemm.k, gemm.n)
    b_batch = 1 if gemm.is_b_shared else gemm.batch
    yield "a", gemm.a, _matrix_elements(gemm.batch, a_rows, a_width, gemm.a_pitch, where) * gemm.a_type.size_bytes
    yield "b", gemm.b, _matrix_elements(b_batch, b_rows, b_width, gemm.b_pitch, where) * gemm.b_type.size_bytes
    yield "c", gemm.c, gemm.batch * gemm.m * gemm.n * gemm.output.size_bytes
    if gemm.bias is not None:
        yield "bias", gemm.bias, gemm.n * DataType.F32.size_bytes


def _matrix_elements(batch: int, rows: int, width: int, pitch: int | None, where: str) -> int:
    """From the first element that is read to the last one."""
    if pitch is None:
        return batch * rows * width
    if pitch < width or batch > 1:
        raise RecipeError(f"{where}: {batch} matrices with rows of {width} elements every {pitch}")
    return (rows - 1) * pitch + width


def _check_types(step: MmeGemm | MmeConvolution, where: str) -> None:
    operands = (step.a_type, step.b_type)
    if DataType.I32 in operands or step.output not in (DataType.BF16, DataType.F32):
        raise RecipeError(f"{where}: the MME does not multiply {operands[0]} by {operands[1]} to {step.output}")


def _convolution_sizes(step: MmeConvolution, where: str) -> Wanted:
    window = step.window
    if min(window.batch, window.channels, window.filters) < 1 or max(window.batch, window.channels) >= 1 << 31:
        raise RecipeError(f"{where}: {window.batch} images of {window.channels} channels, {window.filters} filters")
    for extent in (window.height, window.width):
        _check_extent(extent, where)
    _check_types(step, where)
    if any(step.c.overlaps(operand) for operand in step.reads):
        raise RecipeError(f"{where}: a convolution cannot write over its operands")
    x, w, y = window.x_count, window.w_count, window.y_count
    counts = {ConvolutionOp.FORWARD: (x, w, y), ConvolutionOp.DEDX: (y, w, x), ConvolutionOp.DEDW: (x, y, w)}
    a, b, c = counts[step.op]
    yield "a", step.a, a * step.a_type.size_bytes
    yield "b", step.b, b * step.b_type.size_bytes
    yield "c", step.c, c * step.output.size_bytes
    if step.bias is not None:
        if step.op is not ConvolutionOp.FORWARD:
            raise RecipeError(f"{where}: a {step.op} has no bias")
        yield "bias", step.bias, window.filters * DataType.F32.size_bytes


def _check_extent(extent: Extent, where: str) -> None:
    sizes = (extent.x, extent.y, extent.kernel, extent.stride, extent.dilation)
    reach = (extent.y - 1) * extent.stride + (extent.kernel - 1) * extent.dilation
    if min(sizes) < 1 or max(*sizes, extent.before, reach) >= 1 << 31:
        raise RecipeError(f"{where}: {extent} is no convolution")


def _elementwise_sizes(step: TpcElementwise, where: str) -> Wanted:
    _check_program(step, where)
    for index, (operand, access) in enumerate(zip(step.inputs, step.accesses, strict=True)):
        if min(access.repeat, access.period) < 1 or step.count % (access.repeat * access.period) != 0:
            raise RecipeError(f"{where}: {step.count} elements cannot repeat {access.period} by {access.repeat}")
        if operand.overlaps(step.output) and access.period != step.count:
            raise RecipeError(f"{where} writes over an input that repeats")
        yield f"inputs[{index}]", operand, access.period * step.input_types[index].size_bytes
    yield "output", step.output, step.count * step.output_type.size_bytes


def _check_program(step: TpcElementwise, where: str) -> None:
    if not len(step.inputs) == len(step.accesses) == len(step.input_types) >= 1:
        raise RecipeError(
            f"{where}: {len(step.inputs)} inputs with {len(step.accesses)} accesses; one each, at least one"
        )
    if step.count < 1 or not step.program:
        raise RecipeError(f"{where}: {step.count} elements through {len(step.program)} instructions")
    for constant in step.constants:
        _check_constant(constant, where)
    types = [*step.input_types, *(constant.dtype for constant in step.constants)]
    for place, each in enumerate(step.program):
        if len(each.sources) != each.op.input_count:
            raise RecipeError(f"{where}: {each.op} has {len(each.sources)} operands, needs {each.op.input_count}")
        for source in each.sources:
            if source >= len(types):
                raise RecipeError(f"{where}: instruction {place} reads register {source} of {len(types)}")
            if types[source] is not each.dtype or each.dtype not in each.op.types:
                raise RecipeError(f"{where}: instruction {place} reads a {types[source]} as {each.dtype}")
        types.append(each.op.output_type(each.dtype))


def _row_sizes(step: TpcRows, where: str) -> Wanted:
    if len(step.inputs) != step.op.input_count:
        raise RecipeError(f"{where}: {step.op} has {len(step.inputs)} inputs, needs {step.op.input_count}")
    if step.dtype not in step.op.types:
        raise RecipeError(f"{where}: {step.op} of {step.dtype}")
    if min(step.rows, step.columns) < 1 or step.epsilon_bits >= 0x7F800000:
        raise RecipeError(f"{where}: {step.rows} rows of {step.columns} with epsilon bits {step.epsilon_bits:#x}")
    if any(step.output.overlaps(operand) for operand in step.inputs):
        raise RecipeError(f"{where}: an operation along rows cannot write over its operands")
    count = step.rows * step.columns
    yield "inputs[0]", step.inputs[0], count * step.dtype.size_bytes
    for index, operand in enumerate(step.inputs[1:], start=1):
        yield f"inputs[{index}]", operand, step.columns * DataType.F32.size_bytes
    yield "output", step.output, (step.rows if step.op.is_reduction else count) * step.dtype.size_bytes


def _column_sizes(step: TpcColumns, where: str) -> Wanted:
    if min(step.outer, step.count, step.inner) < 1 or not step.op.is_reduction or step.dtype not in step.op.types:
        raise RecipeError(f"{where}: {step.op} of {step.dtype} along {step.outer} x {step.count} x {step.inner}")
    if step.output.overlaps(step.x):
        raise RecipeError(f"{where}: a reduction cannot write over its operand")
    yield "x", step.x, step.outer * step.count * step.inner * step.dtype.size_bytes
    yield "output", step.output, step.outer * step.inner * step.dtype.size_bytes


def _indexed_sizes(step: TpcIndexed, where: str) -> Wanted:
    extents = (step.outer, step.size, step.count, step.inner)
    is_one_hot = step.op is IndexOp.ONE_HOT
    if min(extents) < 1 or step.size >= 1 << 31 or (is_one_hot and step.outer * step.inner != 1):
        raise RecipeError(f"{where}: {step.op} with the extents {extents}")
    if is_one_hot != (step.data is None) or step.dtype not in step.op.types:
        raise RecipeError(f"{where}: {step.op} of {step.dtype} {'without' if step.data is None else 'with'} data")
    if any(step.output.overlaps(operand) for operand in step.reads):
        raise RecipeError(f"{where}: {step.op} cannot write over its operands")
    long, short = (step.outer * n * step.inner * step.dtype.size_bytes for n in (step.size, step.count))
    yield "indices", step.indices, step.count * DataType.I32.size_bytes
    if step.data is not None:
        yield "data", step.data, long if step.op is IndexOp.GATHER else short
    if is_one_hot:
        yield "output", step.output, step.count * step.size * step.dtype.size_bytes
    else:
        yield "output", step.output, short if step.op is IndexOp.GATHER else long


def _copy_sizes(copy: Copy, where: str) -> Wanted:
    dims = len(copy.sizes)
    if dims < 1 or min(copy.sizes) < 1 or not len(copy.source_steps) == len(copy.destination_steps) == dims:
        raise RecipeError(f"{where}: sizes {copy.sizes}, steps {copy.source_steps} and {copy.destination_steps}")
    if copy.element_bytes < 1 or copy.source.overlaps(copy.destination):
        raise RecipeError(f"{where}: a copy of elements of {copy.element_bytes} bytes, which must not overlap")
    if _writes_twice(copy):
        raise RecipeError(f"{where}: a copy that writes an element twice")
    yield "source", copy.source, _span(copy.sizes, copy.source_steps) * copy.element_bytes
    yield "destination", copy.destination, _span(copy.sizes, copy.destination_steps) * copy.element_bytes


def _fill_sizes(fill: Fill, where: str) -> Wanted:
    if fill.count < 1:
        raise RecipeError(f"{where}: {fill.count} elements to fill")
    _check_constant(fill.value, where)
    yield "output", fill.output, fill.count * fill.value.dtype.size_bytes


def _check_constant(constant: Constant, where: str) -> None:
    if constant.bits >> 8 * constant.dtype.size_bytes:
        raise RecipeError(f"{where}: {constant.bits:#x} is no {constant.dtype}")


def _span(sizes: tuple[int, ...], steps: tuple[int, ...]) -> int:
    """Elements from the first to the last one that is touched."""
    return 1 + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))


def _writes_twice(copy: Copy) -> bool:
    """In the order of their steps, each dimension has to reach beyond all smaller ones together."""
    reach = 1
    for step, size in sorted(zip(copy.destination_steps, copy.sizes, strict=True)):
        if size > 1 and step < reach:
            return True
        reach = max(reach, step * size)
    return False
