"""What every operation computes, in numpy: slow, obvious, bit for bit. The engines' kernels are tested against it.

Here are types, casts, matrices and elementwise operations; reference_math.py, reference_rows.py and reference_moves.py
have the rest.

A tensor is an array whose shape lists the dimensions slow first (numpy's way: the reverse of Tensor.dims), float32 for
F32, and uint16 holding the bits for BF16.

MME arithmetic, which mme_product follows exactly: products of bf16 are exact; in each block of 32 elements of K (padded
with +0) two fp32 accumulators start at +0 and take the even and the odd elements in order, by one fused multiply-add
each; their sum is added to the fp32 result. Nearest even throughout; denormal operands count as zero of their sign, and
so do results below 2^-126 after rounding; a NaN is stored as 0x7fc00000.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from device.dtypes import DataType
from device.graph.reference_math import math_exp, math_gelu, math_log, math_sigmoid, math_tanh
from device.recipe.tpc_ops import ElementwiseOp

__all__ = [
    "ELEMENTWISE",
    "Array",
    "bf16_from_f32",
    "f32_from_bf16",
    "gemm",
    "mme_product",
]

Array = NDArray[np.float32] | NDArray[np.uint16]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bf16 = NDArray[np.uint16]

_BLOCK_K = 32
_NAN_BITS = np.uint32(0x7FC00000)
_SMALLEST_NORMAL = np.float32(2.0**-126)

# Below it a value of 24 bits and unbounded exponent stays under 2^-126; the value itself is a tie and rounds up.
_FLUSH_BELOW = 2.0**-126 - 2.0**-151


def canonical(values: F32) -> F32:
    """NaN of one bit pattern on every host."""
    bits = np.where(np.isnan(values), _NAN_BITS, values.view(np.uint32))
    return bits.view(np.float32)


def flush(values: F32) -> F32:
    """A denormal becomes zero of its sign."""
    return np.where(np.abs(values) < _SMALLEST_NORMAL, np.copysign(np.float32(0), values), values)


def f32_from_bf16(bits: Bf16) -> F32:
    return canonical(flush((bits.astype(np.uint32) << 16).view(np.float32)))


def bf16_from_f32(values: F32) -> Bf16:
    """Nearest even; too large is Inf, NaN is 0x7fc0, a denormal is zero of its sign."""
    bits = canonical(flush(values)).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1))) >> 16
    return rounded.astype(np.uint16)


def mme_product(a: Bf16, b: Bf16) -> F32:
    """A[m, k] x B[k, n] by the definition of the MME; a few passes over C for each element of K."""
    (m, k), n = a.shape, b.shape[1]
    padding = -k % _BLOCK_K
    wide_a = np.pad(f32_from_bf16(a), ((0, 0), (0, padding))).astype(np.float64)
    wide_b = np.pad(f32_from_bf16(b), ((0, padding), (0, 0))).astype(np.float64)
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


def gemm(a: Bf16, b: Bf16, bias: F32 | None, has_relu: bool, output_bf16: bool) -> Array:
    """Product, bias, relu, cast. The bias is added under the rules of the MME, denormals included."""
    result = mme_product(a, b)
    if bias is not None:
        with np.errstate(all="ignore"):
            result = canonical(flush(result + flush(bias)))
    if has_relu:
        result = _relu(result)
    return bf16_from_f32(result) if output_bf16 else result


def _fused_multiply_add(a: F64, b: F64, c: F64) -> F64:
    """a * b + c rounded once to fp32, as fp64 values; a and b are bf16, c is fp32.

    The product has 16 bits and is exact in fp64. Where the fp64 sum is not, the smaller operand, of at most 24 bits,
    lies below 2^-28 of the sum; then the larger one, itself of 24 bits, is the nearest fp32 to the true sum and to the
    fp64 one.
    """
    total = a * b + c
    flushed = np.where(np.abs(total) < _FLUSH_BELOW, np.copysign(0.0, total), total)
    return flushed.astype(np.float32).astype(np.float64)


def _relu(values: F32) -> F32:
    """max(x, 0): -0 becomes +0, NaN stays."""
    clean = canonical(values)
    return np.where(np.signbit(clean), np.float32(0), clean)


def _where(a: F32, b: F32, c: F32) -> F32:
    """A NaN counts as true."""
    return np.where(a != 0, b, c)


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
    ElementwiseOp.WHERE: _where,
    ElementwiseOp.RELU: _relu,
    ElementwiseOp.NEG: np.negative,
    ElementwiseOp.ABS: np.abs,
    ElementwiseOp.SQRT: np.sqrt,
    ElementwiseOp.RSQRT: lambda a: np.float32(1) / np.sqrt(a),
    ElementwiseOp.EXP: math_exp,
    ElementwiseOp.LOG: math_log,
    ElementwiseOp.SIGMOID: math_sigmoid,
    ElementwiseOp.TANH: math_tanh,
    ElementwiseOp.GELU: math_gelu,
}


def _wide(operation: Callable[..., F32]) -> Callable[..., Array]:
    """In fp32."""

    def run(*operands: F32) -> Array:
        with np.errstate(all="ignore"):
            return canonical(np.ascontiguousarray(operation(*operands)))

    return run


def _narrow(operation: Callable[..., F32]) -> Callable[..., Array]:
    """Widen, compute in fp32, round."""

    def run(*operands: Bf16) -> Array:
        with np.errstate(all="ignore"):
            return bf16_from_f32(np.ascontiguousarray(operation(*[f32_from_bf16(operand) for operand in operands])))

    return run


# By guid. Operands come with the dimensions of the result.
ELEMENTWISE: dict[str, Callable[..., Array]] = {
    **{op.guid(DataType.F32): _wide(operation) for op, operation in _IN_F32.items()},
    **{op.guid(DataType.BF16): _narrow(operation) for op, operation in _IN_F32.items()},
    ElementwiseOp.CAST.guid(DataType.F32): bf16_from_f32,
    ElementwiseOp.CAST.guid(DataType.BF16): f32_from_bf16,
}
