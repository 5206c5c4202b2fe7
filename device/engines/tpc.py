"""The TPC: elementwise programs and operations along rows. csrc/kernels/elementwise.h defines the arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from device._device import ffi, lib
from device.dtypes import DataType
from device.engines.step import Operands
from device.faults import FaultGate
from device.memory import Bytes
from device.recipe.descriptors import Access, Constant, Instruction, TpcElementwise, TpcRows
from device.recipe.tpc_ops import ElementwiseOp, RowOp

__all__ = ["ElementwiseStep", "RowsStep"]

# Elements that go through a whole program at a time: enough that a call into C costs little against its work, few
# enough that registers stay in the cache.
_CHUNK_ELEMENTS = 16384

_C_TYPES = {DataType.F32: "float *", DataType.BF16: "uint16_t *"}
_NUMPY_TYPES: dict[DataType, type[np.float32] | type[np.uint16]] = {
    DataType.F32: np.float32,
    DataType.BF16: np.uint16,
}
_RUN = {DataType.F32: lib.ew_run_f32, DataType.BF16: lib.ew_run_bf16}
_ROWS = {DataType.F32: lib.ew_rows_f32, DataType.BF16: lib.ew_rows_bf16}

_OPS = {op: int(getattr(lib, f"EW_{op.name}")) for op in ElementwiseOp if op is not ElementwiseOp.CAST}
_ROW_OPS = {op: int(getattr(lib, f"EW_ROW_{op.name}")) for op in RowOp}

Array = NDArray[Any]


class ElementwiseStep:
    """A program, bound. Each chunk of the output is written after all of it has been read."""

    def __init__(self, step: TpcElementwise, operands: Operands) -> None:
        self.node = step.node
        self._program = step.program
        self._count = step.count
        self._chunk = min(_CHUNK_ELEMENTS, step.count)
        self._output = operands(step.output).view(_NUMPY_TYPES[step.output_type])
        typed = zip(step.inputs, step.input_types, step.accesses, strict=True)
        self._inputs = [(operands(each).view(_NUMPY_TYPES[dtype]), access) for each, dtype, access in typed]
        self._constants = [_filled(constant, self._chunk) for constant in step.constants]

    def run(self, faults: FaultGate) -> None:
        program = self._program
        scratch = [np.empty(self._chunk, _NUMPY_TYPES[each.op.output_type(each.dtype)]) for each in program[:-1]]
        for start in range(0, self._count, self._chunk):
            end = min(start + self._chunk, self._count)
            registers = [_read(data, access, start, end, self._count) for data, access in self._inputs]
            registers += self._constants
            for instruction, result in zip(program, [*scratch, self._output[start:end]], strict=True):
                _execute(instruction, registers, result, end - start)
                registers.append(result)


class RowsStep:
    """An operation along rows, bound."""

    def __init__(self, step: TpcRows, operands: Operands) -> None:
        self.node = step.node
        self._op, self._dtype = step.op, step.dtype
        self._x, *parameters = [operands(operand) for operand in step.inputs]
        self._output = operands(step.output)
        self._kept = (parameters, np.empty(step.columns, np.float32))  # C sees only their addresses
        self._shape = ffi.new("struct ew_rows *")
        self._shape.rows, self._shape.columns = step.rows, step.columns
        self._shape.epsilon = float(np.uint32(step.epsilon_bits).view(np.float32))
        self._shape.scratch = ffi.from_buffer("float[]", self._kept[1])
        for name, data in zip(("gamma", "beta"), parameters, strict=False):
            setattr(self._shape, name, ffi.from_buffer("float[]", data))

    def run(self, faults: FaultGate) -> None:
        c_type = _C_TYPES[self._dtype]
        x, output = ffi.cast(c_type, ffi.from_buffer(self._x)), ffi.cast(c_type, ffi.from_buffer(self._output))
        _ROWS[self._dtype](_ROW_OPS[self._op], self._shape, x, output)


def _filled(constant: Constant, count: int) -> Array:
    bits = np.uint32 if constant.dtype is DataType.F32 else np.uint16
    return np.full(count, constant.bits, bits).view(_NUMPY_TYPES[constant.dtype])


def _execute(instruction: Instruction, registers: list[Array], result: Array, count: int) -> None:
    op, dtype = instruction.op, instruction.dtype
    operands = [_pointer(registers[source], dtype) for source in instruction.sources]
    output = _pointer(result, op.output_type(dtype))
    if op is ElementwiseOp.CAST:
        cast = lib.ew_cast_f32_to_bf16 if dtype is DataType.F32 else lib.ew_cast_bf16_to_f32
        cast(operands[0], output, count)
        return
    operands += [ffi.NULL] * (3 - len(operands))
    _RUN[dtype](_OPS[op], *operands, output, count)


def _pointer(array: Array, dtype: DataType) -> Any:
    return ffi.cast(_C_TYPES[dtype], ffi.from_buffer(array))


def _read(data: Array, access: Access, start: int, end: int, count: int) -> Array:
    """The elements that an input contributes to start .. end of the output; contiguous."""
    if access.period == count:
        return data[start:end]
    first, last = start // access.repeat, (end - 1) // access.repeat
    wrapped = _wrapped(data, first, last + 1)
    if access.repeat == 1:
        return wrapped
    offset = start - first * access.repeat
    return np.ascontiguousarray(np.repeat(wrapped, access.repeat)[offset : offset + end - start])


def _wrapped(data: Bytes | Array, first: int, end: int) -> Array:
    """Elements first .. end of `data` repeated for ever."""
    begin = first % data.size
    length = end - first
    if begin + length <= data.size:
        return data[begin : begin + length]
    times = -(-(begin + length) // data.size)
    if times == 2:
        return np.concatenate([data[begin:], data[: begin + length - data.size]])
    return np.ascontiguousarray(np.tile(data, times)[begin : begin + length])
