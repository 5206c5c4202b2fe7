"""What the TPC can do with elements and rows: operations, their operands, and what one costs.

The arithmetic is defined in csrc/kernels/elementwise.h.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from device.dtypes import DataType

__all__ = ["ElementwiseOp", "RowOp", "parse_elementwise", "parse_row"]


class ElementwiseOp(enum.StrEnum):
    """The value is the guid without its data type, but for CAST, whose guid names two."""

    ADD = "add_fwd"
    SUB = "sub_fwd"
    MUL = "mul_fwd"
    DIV = "div_fwd"
    MAX = "max_fwd"
    MIN = "min_fwd"
    WHERE = "where_fwd"
    RELU = "relu_fwd"
    NEG = "neg_fwd"
    ABS = "abs_fwd"
    SQRT = "sqrt_fwd"
    RSQRT = "rsqrt_fwd"
    EXP = "exp_fwd"
    LOG = "log_fwd"
    SIGMOID = "sigmoid_fwd"
    TANH = "tanh_fwd"
    GELU = "gelu_fwd"
    CAST = "cast"

    @property
    def input_count(self) -> int:
        return _ELEMENTWISE[self].inputs

    @property
    def vector_steps(self) -> int:
        """Instructions of the vector unit for one vector; counted in the definition, a division as four."""
        return _ELEMENTWISE[self].steps

    @property
    def flops(self) -> int:
        """Of one element; what only moves, selects or rounds counts as none."""
        return _ELEMENTWISE[self].flops

    def guid(self, dtype: DataType) -> str:
        """For operands of `dtype`."""
        return f"cast_{dtype}_to_{self.output_type(dtype)}" if self is ElementwiseOp.CAST else f"{self}_{dtype}"

    def output_type(self, dtype: DataType) -> DataType:
        """Of the result, given the operands' type."""
        if self is not ElementwiseOp.CAST:
            return dtype
        return DataType.F32 if dtype is DataType.BF16 else DataType.BF16


class RowOp(enum.StrEnum):
    """Along the fast changing dimension; the value is the guid without its data type."""

    SUM = "reduce_sum_fwd"
    MAX = "reduce_max_fwd"
    SOFTMAX = "softmax_fwd"
    LAYER_NORM = "layer_norm_fwd"
    RMS_NORM = "rms_norm_fwd"

    @property
    def input_count(self) -> int:
        """x, then gamma and beta of fp32."""
        return _ROWS[self].inputs

    @property
    def passes(self) -> int:
        """How often a row is read: once for each sum or maximum over it, once more if the result is a row."""
        return _ROWS[self].passes

    @property
    def vector_steps(self) -> int:
        return _ROWS[self].steps

    @property
    def flops(self) -> int:
        """Of one element of x."""
        return _ROWS[self].flops

    @property
    def is_reduction(self) -> bool:
        """One element a row comes out."""
        return self in (RowOp.SUM, RowOp.MAX)

    def guid(self, dtype: DataType) -> str:
        return f"{self}_{dtype}"


class _Form(NamedTuple):
    inputs: int
    steps: int
    flops: int
    passes: int = 1


_ELEMENTWISE = {
    ElementwiseOp.ADD: _Form(2, 1, 1),
    ElementwiseOp.SUB: _Form(2, 1, 1),
    ElementwiseOp.MUL: _Form(2, 1, 1),
    ElementwiseOp.DIV: _Form(2, 4, 1),
    ElementwiseOp.MAX: _Form(2, 1, 1),
    ElementwiseOp.MIN: _Form(2, 1, 1),
    ElementwiseOp.WHERE: _Form(3, 2, 0),
    ElementwiseOp.RELU: _Form(1, 1, 1),
    ElementwiseOp.NEG: _Form(1, 1, 0),
    ElementwiseOp.ABS: _Form(1, 1, 0),
    ElementwiseOp.SQRT: _Form(1, 4, 1),
    ElementwiseOp.RSQRT: _Form(1, 8, 2),
    ElementwiseOp.EXP: _Form(1, 24, 20),
    ElementwiseOp.LOG: _Form(1, 36, 28),
    ElementwiseOp.SIGMOID: _Form(1, 30, 22),
    ElementwiseOp.TANH: _Form(1, 46, 38),
    ElementwiseOp.GELU: _Form(1, 54, 46),
    ElementwiseOp.CAST: _Form(1, 1, 0),
}

_ROWS = {
    RowOp.SUM: _Form(1, 1, 1, 1),
    RowOp.MAX: _Form(1, 1, 1, 1),
    RowOp.SOFTMAX: _Form(1, 31, 24, 3),
    RowOp.LAYER_NORM: _Form(3, 7, 7, 3),
    RowOp.RMS_NORM: _Form(2, 4, 4, 2),
}

_ELEMENTWISE_GUIDS = {op.guid(dtype): (op, dtype) for op in ElementwiseOp for dtype in DataType}
_ROW_GUIDS = {op.guid(dtype): (op, dtype) for op in RowOp for dtype in DataType}


def parse_elementwise(guid: str) -> tuple[ElementwiseOp, DataType] | None:
    """Operation and type of its operands; None for any other guid."""
    return _ELEMENTWISE_GUIDS.get(guid)


def parse_row(guid: str) -> tuple[RowOp, DataType] | None:
    return _ROW_GUIDS.get(guid)
