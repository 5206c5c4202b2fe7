"""What the MME multiplies: an operand as it lies in memory, or widened to the type in which both are multiplied.

Widening is exact: fp8 to bf16, and anything to f32 where the other operand is f32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from device._device import ffi, lib
from device.arrays import Array, numpy_type
from device.dtypes import DataType
from device.engines.tpc import KERNEL_TYPES
from device.errors import LaunchError
from device.memory import Bytes

__all__ = ["MmeOperand", "common_type", "point_to_operands"]


def common_type(*types: DataType) -> DataType:
    """BF16 or F32."""
    return DataType.F32 if DataType.F32 in types else DataType.BF16


class MmeOperand:
    """`values` are of the wanted type, flat; `refresh` before each use, as memory may have changed."""

    def __init__(self, data: Bytes, dtype: DataType, wanted: DataType, threads: int) -> None:
        source = data.view(numpy_type(dtype))
        self._source = source
        self._program: Any = None
        self._threads = threads
        if dtype is wanted:
            self.values: Array = source
            return
        self.values = np.empty(source.size, numpy_type(wanted))
        kinds = KERNEL_TYPES[dtype], KERNEL_TYPES[wanted]
        buffer, out = ffi.from_buffer(source), ffi.from_buffer(self.values)
        inputs = ffi.new("struct ew_input[]", [(buffer, kinds[0], 1, source.size)])
        steps = ffi.new("struct ew_step[]", [(lib.EW_CAST, *kinds, [0, 0, 0])])
        program = ffi.new("struct ew_program *")
        program.inputs, program.steps, program.out = inputs, steps, out
        program.input_count, program.step_count, program.count = 1, 1, source.size
        self._program, self._kept = program, (buffer, out, inputs, steps)

    def toggle_rate(self) -> float:
        """As it lies in memory now; see mme.h."""
        source = self._source
        return float(lib.mme_toggle_rate(ffi.from_buffer(source), source.itemsize, source.size))

    def refresh(self) -> None:
        if self._program is not None and lib.ew_run(self._program, self._threads) != 0:
            raise LaunchError("the host has no working memory left")


def point_to_operands(gemm: Any, a: Array, b: Array) -> None:
    """Of struct mme_gemm; both of the same type. The caller keeps the arrays."""
    if a.dtype == np.float32:
        gemm.a32, gemm.b32 = ffi.from_buffer("float[]", a), ffi.from_buffer("float[]", b)
    else:
        gemm.a, gemm.b = ffi.from_buffer("uint16_t[]", a), ffi.from_buffer("uint16_t[]", b)
