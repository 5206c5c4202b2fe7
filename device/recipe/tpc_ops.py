"""What the TPC can do with elements, rows and indices: operations, their operands, and what one costs.

The arithmetic is defined in csrc/kernels/elementwise.h.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from device.dtypes import DataType

__all__ = ["ElementwiseOp", "IndexOp", "RowOp", "cast_to", "parse_elementwise", "parse_index", "parse_row"]


class ElementwiseOp(enum.StrEnum):
    """The value is the guid without its data type, but for the casts, whose guids name two types."""

    ADD = "add_fwd"
    SUB = "sub_fwd"
    MUL = "mult_fwd"
    DIV = "div_fwd"
    MAX = "max_fwd"
    MIN = "min_fwd"
    POW = "pow_fwd"
    EQUAL = "equal_fwd"
    NOT_EQUAL = "not_equal_fwd"
    LESS = "less_fwd"
    LESS_EQUAL = "less_equal_fwd"
    GREATER = "greater_fwd"
    GREATER_EQUAL = "greater_equal_fwd"
    WHERE = "where_fwd"
    RELU = "relu_fwd"
    NEG = "neg_fwd"
    ABS = "abs_fwd"
    SQRT = "sqrt_fwd"
    RSQRT = "rsqrt_fwd"
    RECIPROCAL = "reciprocal_fwd"
    EXP = "exp_fwd"
    LOG = "log_fwd"
    SIGMOID = "sigmoid_fwd"
    TANH = "tanh_fwd"
    GELU = "gelu_fwd"
    CAST_TO_BF16 = "cast_to_bf16"
    CAST_TO_F32 = "cast_to_f32"
    CAST_TO_I32 = "cast_to_i32"
    CAST_TO_FP8_152 = "cast_to_f8"
    CAST_TO_FP8_143 = "cast_to_hf8"
    CAST_TO_FP8_143_448 = "cast_to_hf8_448"

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

    @property
    def cast_target(self) -> DataType | None:
        """What a cast makes; None for everything else."""
        return _CAST_TARGETS.get(self)

    @property
    def types(self) -> tuple[DataType, ...]:
        """Of the operands. fp8 can only be cast."""
        if self.cast_target is not None:
            return tuple(dtype for dtype in DataType if dtype is not self.cast_target)
        return (*_FLOATS, DataType.I32) if self in _WITH_I32 else _FLOATS

    def guid(self, dtype: DataType) -> str:
        """For operands of `dtype`."""
        return f"{self}_{dtype}" if self.cast_target is None else f"cast_{dtype}_to_{self.cast_target}"

    def output_type(self, dtype: DataType) -> DataType:
        """Of the result, given the operands' type. A comparison gives 1 or 0 of that type."""
        return self.cast_target or dtype


class RowOp(enum.StrEnum):
    """Along one dimension, for all but the reductions the fast changing one; the value is the guid without its type."""

    SUM = "reduce_sum_fwd"
    MEAN = "reduce_mean_fwd"
    MAX = "reduce_max_fwd"
    MIN = "reduce_min_fwd"
    SOFTMAX = "softmax_fwd"
    LOG_SOFTMAX = "logsoftmax_fwd"
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
        return self in (RowOp.SUM, RowOp.MEAN, RowOp.MAX, RowOp.MIN)

    @property
    def types(self) -> tuple[DataType, ...]:
        return _FLOATS

    def guid(self, dtype: DataType) -> str:
        return f"{self}_{dtype}"


class IndexOp(enum.StrEnum):
    """What reads or writes places that an i32 tensor names; the value is the guid without its type."""

    GATHER = "gather_fwd"
    SCATTER_ADD = "unsorted_scatter_add_fwd"
    ONE_HOT = "one_hot_fwd"

    @property
    def types(self) -> tuple[DataType, ...]:
        """Of the values: what is gathered only moves."""
        return tuple(DataType) if self is IndexOp.GATHER else _FLOATS

    def guid(self, dtype: DataType) -> str:
        return f"{self}_{dtype}"


class _Form(NamedTuple):
    inputs: int
    steps: int
    flops: int
    passes: int = 1


_FLOATS = (DataType.BF16, DataType.F32)

_CAST_TARGETS = {
    ElementwiseOp.CAST_TO_BF16: DataType.BF16,
    ElementwiseOp.CAST_TO_F32: DataType.F32,
    ElementwiseOp.CAST_TO_I32: DataType.I32,
    ElementwiseOp.CAST_TO_FP8_152: DataType.FP8_152,
    ElementwiseOp.CAST_TO_FP8_143: DataType.FP8_143,
    ElementwiseOp.CAST_TO_FP8_143_448: DataType.FP8_143_448,
}

_WITH_I32 = frozenset(
    {
        ElementwiseOp.ADD,
        ElementwiseOp.SUB,
        ElementwiseOp.MUL,
        ElementwiseOp.MAX,
        ElementwiseOp.MIN,
        ElementwiseOp.EQUAL,
        ElementwiseOp.NOT_EQUAL,
        ElementwiseOp.LESS,
        ElementwiseOp.LESS_EQUAL,
        ElementwiseOp.GREATER,
        ElementwiseOp.GREATER_EQUAL,
        ElementwiseOp.WHERE,
        ElementwiseOp.RELU,
        ElementwiseOp.NEG,
        ElementwiseOp.ABS,
    }
)

_ELEMENTWISE = {
    ElementwiseOp.ADD: _Form(2, 1, 1),
    ElementwiseOp.SUB: _Form(2, 1, 1),
    ElementwiseOp.MUL: _Form(2, 1, 1),
    ElementwiseOp.DIV: _Form(2, 4, 1),
    ElementwiseOp.MAX: _Form(2, 1, 1),
    ElementwiseOp.MIN: _Form(2, 1, 1),
    ElementwiseOp.POW: _Form(2, 72, 50),
    ElementwiseOp.EQUAL: _Form(2, 2, 0),
    ElementwiseOp.NOT_EQUAL: _Form(2, 2, 0),
    ElementwiseOp.LESS: _Form(2, 2, 0),
    ElementwiseOp.LESS_EQUAL: _Form(2, 2, 0),
    ElementwiseOp.GREATER: _Form(2, 2, 0),
    ElementwiseOp.GREATER_EQUAL: _Form(2, 2, 0),
    ElementwiseOp.WHERE: _Form(3, 2, 0),
    ElementwiseOp.RELU: _Form(1, 1, 1),
    ElementwiseOp.NEG: _Form(1, 1, 0),
    ElementwiseOp.ABS: _Form(1, 1, 0),
    ElementwiseOp.SQRT: _Form(1, 4, 1),
    ElementwiseOp.RSQRT: _Form(1, 8, 2),
    ElementwiseOp.RECIPROCAL: _Form(1, 4, 1),
    ElementwiseOp.EXP: _Form(1, 24, 20),
    ElementwiseOp.LOG: _Form(1, 36, 28),
    ElementwiseOp.SIGMOID: _Form(1, 30, 22),
    ElementwiseOp.TANH: _Form(1, 46, 38),
    ElementwiseOp.GELU: _Form(1, 54, 46),
    **dict.fromkeys(_CAST_TARGETS, _Form(1, 1, 0)),
}

_ROWS = {
    RowOp.SUM: _Form(1, 1, 1, 1),
    RowOp.MEAN: _Form(1, 1, 1, 1),
    RowOp.MAX: _Form(1, 1, 1, 1),
    RowOp.MIN: _Form(1, 1, 1, 1),
    RowOp.SOFTMAX: _Form(1, 31, 24, 3),
    RowOp.LOG_SOFTMAX: _Form(1, 28, 23, 3),
    RowOp.LAYER_NORM: _Form(3, 7, 7, 3),
    RowOp.RMS_NORM: _Form(2, 4, 4, 2),
}

_ELEMENTWISE_GUIDS = {op.guid(dtype): (op, dtype) for op in ElementwiseOp for dtype in op.types}
_ROW_GUIDS = {op.guid(dtype): (op, dtype) for op in RowOp for dtype in op.types}
_INDEX_GUIDS = {op.guid(dtype): (op, dtype) for op in IndexOp for dtype in op.types}
_CASTS = {target: op for op, target in _CAST_TARGETS.items()}


def cast_to(dtype: DataType) -> ElementwiseOp:
    """The cast that makes this type."""
    return _CASTS[dtype]


def parse_elementwise(guid: str) -> tuple[ElementwiseOp, DataType] | None:
    """Operation and type of its operands; None for any other guid."""
    return _ELEMENTWISE_GUIDS.get(guid)


def parse_row(guid: str) -> tuple[RowOp, DataType] | None:
    return _ROW_GUIDS.get(guid)


def parse_index(guid: str) -> tuple[IndexOp, DataType] | None:
    """Operation and type of the values; None for any other guid."""
    return _INDEX_GUIDS.get(guid)
