"""The TPC: elementwise programs, operations along rows, reductions, indices.

csrc/kernels/elementwise.h defines the arithmetic. A step keeps the memory that C sees by its address only.
"""

from __future__ import annotations

import errno
from typing import Any

import numpy as np

from device._device import ffi, lib
from device.arrays import numpy_type
from device.dtypes import DataType
from device.engines.flip import Defect
from device.engines.step import ExecutionOptions, Operands
from device.errors import LaunchError
from device.faults import FaultGate
from device.indexing import IndexRangeError, run_indexed
from device.recipe.descriptors import Constant, Instruction, TpcColumns, TpcElementwise, TpcIndexed, TpcRows
from device.recipe.tpc_ops import ElementwiseOp, RowOp

__all__ = ["KERNEL_TYPES", "ColumnsStep", "ElementwiseStep", "IndexedStep", "RowsStep"]

KERNEL_TYPES: dict[DataType, Any] = {
    DataType.F32: lib.EW_F32,
    DataType.BF16: lib.EW_BF16,
    DataType.I32: lib.EW_I32,
    DataType.FP8_152: lib.EW_F8,
    DataType.FP8_143: lib.EW_HF8,
    DataType.FP8_143_448: lib.EW_HF8_448,
}
_OPS = {op: lib.EW_CAST if op.cast_target is not None else getattr(lib, f"EW_{op.name}") for op in ElementwiseOp}
_ROW_OPS = {op: getattr(lib, f"EW_ROW_{op.name}") for op in RowOp}

# What a broken TPC is called in the catalogue.
_FAULT = "tpc-bitflip"

_REASONS = {errno.EINVAL: "the kernel refuses its arguments", errno.ENOMEM: "the host has no working memory left"}


class ElementwiseStep:
    """A program, bound: one pass over memory, block by block through all of its instructions."""

    def __init__(self, step: TpcElementwise, operands: Operands, options: ExecutionOptions) -> None:
        self.node = step.node
        self._threads = options.threads
        inputs = ffi.new("struct ew_input[]", len(step.inputs))
        constants = ffi.new("struct ew_constant[]", max(len(step.constants), 1))
        steps = ffi.new("struct ew_step[]", [_step(each) for each in step.program])
        buffers = [ffi.from_buffer(operands(each)) for each in (*step.inputs, step.output)]
        for place, (buffer, dtype, access) in enumerate(zip(buffers, step.input_types, step.accesses, strict=False)):
            inputs[place] = (buffer, KERNEL_TYPES[dtype], access.repeat, access.period)
        for place, constant in enumerate(step.constants):
            constants[place] = _constant(constant)
        self._program = ffi.new("struct ew_program *")
        self._program.inputs, self._program.constants, self._program.steps = inputs, constants, steps
        self._program.input_count, self._program.constant_count = len(step.inputs), len(step.constants)
        self._program.step_count, self._program.count = len(step.program), step.count
        self._program.out = buffers[-1]
        self._kept = (inputs, constants, steps, buffers)
        self._defect = Defect(_FAULT, operands(step.output), step.output_type.size_bytes)

    def run(self, faults: FaultGate) -> None:
        _check(self.node, lib.ew_run(self._program, self._threads))
        self._defect.act(faults)


class RowsStep:
    """An operation along rows, bound."""

    def __init__(self, step: TpcRows, operands: Operands, options: ExecutionOptions) -> None:
        self.node = step.node
        self._threads = options.threads
        rows = ffi.new("struct ew_rows *")
        x, *parameters, output = [ffi.from_buffer(operands(each)) for each in (*step.inputs, step.output)]
        rows.op, rows.type = _ROW_OPS[step.op], KERNEL_TYPES[step.dtype]
        rows.rows, rows.columns = step.rows, step.columns
        rows.x, rows.out = x, output
        rows.epsilon = float(np.uint32(step.epsilon_bits).view(np.float32))
        for name, data in zip(("gamma", "beta"), parameters, strict=False):
            setattr(rows, name, ffi.cast("float *", data))
        self._rows = rows
        self._kept = (x, parameters, output)
        self._defect = Defect(_FAULT, operands(step.output), step.dtype.size_bytes)

    def run(self, faults: FaultGate) -> None:
        _check(self.node, lib.ew_run_rows(self._rows, self._threads))
        self._defect.act(faults)


class ColumnsStep:
    """A reduction along a dimension that is not the fast one, bound."""

    def __init__(self, step: TpcColumns, operands: Operands, options: ExecutionOptions) -> None:
        self.node = step.node
        self._threads = options.threads
        columns = ffi.new("struct ew_columns *")
        x, output = ffi.from_buffer(operands(step.x)), ffi.from_buffer(operands(step.output))
        columns.op, columns.type = _ROW_OPS[step.op], KERNEL_TYPES[step.dtype]
        columns.outer, columns.count, columns.inner = step.outer, step.count, step.inner
        columns.x, columns.out = x, output
        self._columns = columns
        self._kept = (x, output)
        self._defect = Defect(_FAULT, operands(step.output), step.dtype.size_bytes)

    def run(self, faults: FaultGate) -> None:
        _check(self.node, lib.ew_run_columns(self._columns, self._threads))
        self._defect.act(faults)


class IndexedStep:
    """A gather, a scatter-add or a one-hot, bound."""

    def __init__(self, step: TpcIndexed, operands: Operands) -> None:
        self.node = step.node
        self._step = step
        kind = numpy_type(step.dtype)
        self._data = None if step.data is None else operands(step.data).view(kind)
        self._indices = operands(step.indices).view(np.int32)
        self._output = operands(step.output).view(kind)
        self._defect = Defect(_FAULT, operands(step.output), step.dtype.size_bytes)

    def run(self, faults: FaultGate) -> None:
        step = self._step
        extents = (step.outer, step.size, step.count, step.inner)
        try:
            self._output[:] = run_indexed(step.op, step.dtype, self._data, self._indices, extents)
        except IndexRangeError as error:
            raise LaunchError(f"node {self.node}: {error}") from error
        self._defect.act(faults)


def _check(node: str, code: int) -> None:
    if code != 0:
        raise LaunchError(f"node {node}: {_REASONS.get(-code, code)}")


def _step(instruction: Instruction) -> tuple[Any, ...]:
    """Operands that the operation does not have are register 0, which C looks at and does not use."""
    op, dtype = instruction.op, instruction.dtype
    sources = [*instruction.sources, 0, 0][:3]
    return (_OPS[op], KERNEL_TYPES[dtype], KERNEL_TYPES[op.output_type(dtype)], sources)


def _constant(constant: Constant) -> tuple[int, Any]:
    return (constant.bits, KERNEL_TYPES[constant.dtype])
