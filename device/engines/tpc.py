"""The TPC: elementwise operations over raw memory. csrc/kernels/elementwise.h defines the arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from device._device import ffi, lib
from device.engines.step import Operands
from device.faults import FaultGate
from device.memory import Bytes
from device.recipe.descriptors import ElementwiseOp, TpcElementwise

__all__ = ["ElementwiseStep"]

# C function and element types of operands and result.
_KERNELS: dict[ElementwiseOp, tuple[Callable[..., None], str, str]] = {
    ElementwiseOp.ADD_F32: (lib.ew_add_f32, "float[]", "float[]"),
    ElementwiseOp.ADD_BF16: (lib.ew_add_bf16, "uint16_t[]", "uint16_t[]"),
    ElementwiseOp.MUL_F32: (lib.ew_mul_f32, "float[]", "float[]"),
    ElementwiseOp.MUL_BF16: (lib.ew_mul_bf16, "uint16_t[]", "uint16_t[]"),
    ElementwiseOp.RELU_F32: (lib.ew_relu_f32, "float[]", "float[]"),
    ElementwiseOp.RELU_BF16: (lib.ew_relu_bf16, "uint16_t[]", "uint16_t[]"),
    ElementwiseOp.CAST_F32_TO_BF16: (lib.ew_cast_f32_to_bf16, "float[]", "uint16_t[]"),
    ElementwiseOp.CAST_BF16_TO_F32: (lib.ew_cast_bf16_to_f32, "uint16_t[]", "float[]"),
}

# A short second operand is repeated up to this many elements, so that a call into C costs little against its work.
_CHUNK_ELEMENTS = 16384


class ElementwiseStep:
    """An elementwise operation, bound."""

    def __init__(self, step: TpcElementwise, operands: Operands) -> None:
        self.node = step.node
        self._output = operands(step.output)
        self._inputs = [operands(operand) for operand in step.inputs]
        self._count = step.count
        self._period = step.period
        self._op = step.op

    def run(self, faults: FaultGate) -> None:
        if self._op is ElementwiseOp.COPY:
            np.copyto(self._output, self._inputs[0])
            return
        kernel, input_type, output_type = _KERNELS[self._op]
        inputs = [ffi.from_buffer(input_type, data) for data in self._inputs]
        output = ffi.from_buffer(output_type, self._output)
        if self._period == self._count:
            kernel(*inputs, output, self._count)
        else:
            self._run_repeated(kernel, inputs[0], output)

    def _run_repeated(self, kernel: Callable[..., None], first: Any, output: Any) -> None:
        """The second operand begins again every `period` elements."""
        repeats = max(_CHUNK_ELEMENTS // self._period, 1)
        chunk = self._period * repeats
        second = ffi.from_buffer(_KERNELS[self._op][1], _repeated(self._inputs[1], repeats))
        for start in range(0, self._count, chunk):
            kernel(first + start, second, output + start, min(chunk, self._count - start))


def _repeated(data: Bytes, times: int) -> Bytes:
    """A copy even if `times` is 1: the output may be written over the operand."""
    return np.tile(data, times)
