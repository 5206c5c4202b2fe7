"""What every operation computes, in numpy: slow, obvious, bit for bit. The engines' kernels are tested against it.

Here are types, casts, matrices and elementwise operations; reference_math.py, reference_rows.py and reference_moves.py
have the rest.

A tensor is an array whose shape lists the dimensions slow first (numpy's way: the reverse of Tensor.dims), of the type
that device.arrays has for it.

MME arithmetic, which mme_product follows exactly: products are not rounded before they are added; in each block of 32
elements of K (padded with +0) two fp32 accumulators start at +0 and take the even and the odd elements in order, by one
fused multiply-add each; their sum is added to the fp32 result. Nearest even throughout; denormal operands count as zero
of their sign, and so do results below 2^-126 after rounding; a NaN is stored as 0x7fc00000.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.arrays import Array, bf16_from_f32, canonical, decoded, encoded, f32_from_bf16, flush
from device.dtypes import DataType
from device.graph.reference_math import math_exp, math_gelu, math_log, math_pow, math_sigmoid, math_tanh
from device.recipe.tpc_ops import ElementwiseOp

__all__ = [
    "ELEMENTWISE",
    "bf16_from_f32",
    "f32_from_bf16",
    "gemm",
    "mme_product",
]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

_BLOCK_K = 32

# Below it a value of 24 bits and unbounded exponent stays under 2^-126; the value itself is a tie and rounds up.
_FLUSH_BELOW = 2.0**-126 - 2.0**-151


def mme_product(a: Array, b: Array) -> F32:
    """A[m, k] x B[k, n] by the definition of the MME; a few passes over C for each element of K.

    Either operand is bf16 as bits, or float32 that holds fp32 or fp8 numbers.
    """
    (m, k), n = a.shape, b.shape[1]
    padding = -k % _BLOCK_K
    wide_a = np.pad(_operand(a), ((0, 0), (0, padding))).astype(np.float64)
    wide_b = np.pad(_operand(b), ((0, padding), (0, 0))).astype(np.float64)
    result = np.zeros((m, n), np.float32)
    with np.errstate(all="ignore"):
        for block in range(0, k, _BLOCK_K):
            sums = [np.zeros((m, n), np.float64), np.zeros((m, n), np.float64)]
            for i in range(_BLOCK_K):
                column, row = wide_a[:, block + i, None], wide_b[None, block + i, :]
                sums[i % 2] = _fused_multiply_add(column, row, sums[i % 2])
            even, odd = sums[0].astype(np.float32), sums[1].astype(np.float32)
            result = flush(result + flush(even + odd))
    return canonical(result)


def gemm(a: Array, b: Array, bias: F32 | None, has_relu: bool, output_bf16: bool) -> Array:
    """Product, bias, relu, cast. The bias is added under the rules of the MME, denormals included."""
    result = mme_product(a, b)
    if bias is not None:
        with np.errstate(all="ignore"):
            result = canonical(flush(result + flush(bias)))
    if has_relu:
        result = _relu(result)
    return bf16_from_f32(result) if output_bf16 else result


def _operand(values: Array) -> F32:
    return f32_from_bf16(values) if values.dtype == np.uint16 else flush(values)


def _fused_multiply_add(a: F64, b: F64, c: F64) -> F64:
    """a * b + c rounded once to fp32, as fp64 values of fp32 numbers.

    The product has 48 bits and is exact in fp64. A sum that is not gets an odd last bit (what was lost, TwoSum tells);
    of 53 bits, rounded to odd, it rounds to 24 bits as the true sum does.
    """
    product = a * b
    total = product + c
    of_c = total - product
    lost = (product - (total - of_c)) + (c - of_c)
    bits = total.view(np.int64)
    is_below = np.signbit(lost) != np.signbit(total)
    is_inexact = (lost != 0) & np.isfinite(total)
    towards_zero = np.where(is_inexact & is_below, bits - 1, bits)
    total = np.where(is_inexact, towards_zero | 1, bits).view(np.float64)
    flushed = np.where(np.abs(total) < _FLUSH_BELOW, np.copysign(0.0, total), total)
    return flushed.astype(np.float32).astype(np.float64)


def _relu(values: F32) -> F32:
    """max(x, 0): -0 becomes +0, NaN stays."""
    clean = canonical(values)
    return np.where(np.signbit(clean), np.float32(0), clean)


def _where(a: F32, b: F32, c: F32) -> F32:
    """A NaN counts as true."""
    return np.where(a != 0, b, c)


def _where_i32(a: Array, b: Array, c: Array) -> Array:
    chosen: Array = np.where(a != 0, b, c)
    return chosen


def _truth(compare: Callable[..., Any]) -> Callable[..., F32]:
    """1 or 0."""
    return lambda a, b: compare(a, b).astype(np.float32)


def _max(a: F32, b: F32) -> F32:
    """NaN if either is; b where both are equal."""
    return np.where((a > b) | np.isnan(a), a, b)


def _min(a: F32, b: F32) -> F32:
    return np.where((a < b) | np.isnan(a), a, b)


_IN_F32: dict[ElementwiseOp, Callable[..., F32]] = {
    ElementwiseOp.ADD: np.add,
    ElementwiseOp.SUB: np.subtract,
    ElementwiseOp.MUL: np.multiply,
    ElementwiseOp.DIV: np.divide,
    ElementwiseOp.MAX: _max,
    ElementwiseOp.MIN: _min,
    ElementwiseOp.POW: math_pow,
    ElementwiseOp.EQUAL: _truth(np.equal),
    ElementwiseOp.NOT_EQUAL: _truth(np.not_equal),
    ElementwiseOp.LESS: _truth(np.less),
    ElementwiseOp.LESS_EQUAL: _truth(np.less_equal),
    ElementwiseOp.GREATER: _truth(np.greater),
    ElementwiseOp.GREATER_EQUAL: _truth(np.greater_equal),
    ElementwiseOp.WHERE: _where,
    ElementwiseOp.RELU: _relu,
    ElementwiseOp.NEG: np.negative,
    ElementwiseOp.ABS: np.abs,
    ElementwiseOp.SQRT: np.sqrt,
    ElementwiseOp.RSQRT: lambda a: np.float32(1) / np.sqrt(a),
    ElementwiseOp.RECIPROCAL: lambda a: np.float32(1) / a,
    ElementwiseOp.EXP: math_exp,
    ElementwiseOp.LOG: math_log,
    ElementwiseOp.SIGMOID: math_sigmoid,
    ElementwiseOp.TANH: math_tanh,
    ElementwiseOp.GELU: math_gelu,
}


# Modulo 2^32, as numpy has it.
_IN_I32: dict[ElementwiseOp, Callable[..., Array]] = {
    ElementwiseOp.ADD: np.add,
    ElementwiseOp.SUB: np.subtract,
    ElementwiseOp.MUL: np.multiply,
    ElementwiseOp.MAX: np.maximum,
    ElementwiseOp.MIN: np.minimum,
    ElementwiseOp.EQUAL: np.equal,
    ElementwiseOp.NOT_EQUAL: np.not_equal,
    ElementwiseOp.LESS: np.less,
    ElementwiseOp.LESS_EQUAL: np.less_equal,
    ElementwiseOp.GREATER: np.greater,
    ElementwiseOp.GREATER_EQUAL: np.greater_equal,
    ElementwiseOp.WHERE: _where_i32,
    ElementwiseOp.RELU: lambda a: np.maximum(a, np.int32(0)),
    ElementwiseOp.NEG: np.negative,
    ElementwiseOp.ABS: np.abs,
}


def _through_f32(operation: Callable[..., F32], dtype: DataType) -> Callable[..., Array]:
    """Widen, compute in fp32, round."""

    def run(*operands: Array) -> Array:
        with np.errstate(all="ignore"):
            result = np.ascontiguousarray(operation(*[decoded(operand, dtype) for operand in operands]))
            return encoded(canonical(result), dtype)

    return run


def _in_i32(operation: Callable[..., Array]) -> Callable[..., Array]:
    def run(*operands: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.ascontiguousarray(operation(*operands), np.int32)

    return run


def _cast(source: DataType, target: DataType) -> Callable[..., Array]:
    def run(operand: Array) -> Array:
        with np.errstate(all="ignore"):
            wide = decoded(operand, source)
            return encoded(canonical(wide) if wide.dtype == np.float32 else wide, target)

    return run


def _definition(op: ElementwiseOp, dtype: DataType) -> Callable[..., Array]:
    if op.cast_target is not None:
        return _cast(dtype, op.cast_target)
    return _in_i32(_IN_I32[op]) if dtype is DataType.I32 else _through_f32(_IN_F32[op], dtype)


# By guid. Operands come with the dimensions of the result.
ELEMENTWISE: dict[str, Callable[..., Array]] = {
    op.guid(dtype): _definition(op, dtype) for op in ElementwiseOp for dtype in op.types
}
