"""Tensors as numpy arrays, and numbers to and from the bits of a data type.

F32 lies as float32, I32 as int32, BF16 as uint16 and fp8 as uint8 holding the bits. What rounding means is defined in
csrc/kernels/elementwise.h; the engines do it there, this is the same in numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.dtypes import DataType

__all__ = [
    "Array",
    "bf16_from_f32",
    "canonical",
    "decoded",
    "encoded",
    "f32_from_bf16",
    "flush",
    "fp8_from_f32",
    "i32_from_f32",
    "numpy_type",
]

Array = NDArray[Any]
F32 = NDArray[np.float32]

_NAN_BITS = np.uint32(0x7FC00000)
_SMALLEST_NORMAL = np.float32(2.0**-126)

_NUMPY_TYPES: dict[DataType, type[np.generic]] = {
    DataType.F32: np.float32,
    DataType.BF16: np.uint16,
    DataType.I32: np.int32,
    DataType.FP8_152: np.uint8,
    DataType.FP8_143: np.uint8,
    DataType.FP8_143_448: np.uint8,
}


@dataclass(frozen=True, slots=True)
class _Fp8Format:
    mantissa: int
    bias: int
    largest: float
    nan: int
    has_inf: bool


_FP8 = {
    DataType.FP8_152: _Fp8Format(2, 15, 57344.0, 0x7E, True),
    DataType.FP8_143: _Fp8Format(3, 7, 240.0, 0x7C, True),
    DataType.FP8_143_448: _Fp8Format(3, 7, 448.0, 0x7F, False),
}


def numpy_type(dtype: DataType) -> type[Any]:
    return _NUMPY_TYPES[dtype]


def canonical(values: F32) -> F32:
    """NaN of one bit pattern on every host."""
    bits = np.where(np.isnan(values), _NAN_BITS, values.view(np.uint32))
    return bits.view(np.float32)


def flush(values: F32) -> F32:
    """A denormal becomes zero of its sign."""
    return np.where(np.abs(values) < _SMALLEST_NORMAL, np.copysign(np.float32(0), values), values)


def f32_from_bf16(bits: NDArray[np.uint16]) -> F32:
    return canonical(flush((bits.astype(np.uint32) << 16).view(np.float32)))


def bf16_from_f32(values: F32) -> NDArray[np.uint16]:
    """Nearest even; too large is Inf, NaN is 0x7fc0, a denormal is zero of its sign."""
    bits = canonical(flush(values)).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1))) >> 16
    return rounded.astype(np.uint16)


def fp8_from_f32(values: F32, dtype: DataType) -> NDArray[np.uint8]:
    """Nearest even; what is larger than the largest number, Inf too, becomes that number; NaN is the format's one."""
    table = _fp8_table(dtype)
    finite = table[np.isfinite(table)]
    size = np.minimum(np.abs(values), np.float32(_FP8[dtype].largest)).astype(np.float64)
    above = np.clip(np.searchsorted(finite, size), 1, len(finite) - 1)
    to_below, to_above = size - finite[above - 1], finite[above] - size
    takes_above = (to_above < to_below) | ((to_above == to_below) & (above % 2 == 0))
    codes = np.where(takes_above, above, above - 1) | (np.signbit(values).astype(np.int64) << 7)
    return np.where(np.isnan(values), _FP8[dtype].nan, codes).astype(np.uint8)


def i32_from_f32(values: F32) -> NDArray[np.int32]:
    """Nearest even; too large becomes the nearest limit, NaN becomes 0."""
    whole = np.clip(np.rint(np.where(np.isnan(values), np.float32(0), values).astype(np.float64)), -(2**31), 2**31 - 1)
    rounded: NDArray[np.int32] = whole.astype(np.int32)
    return rounded


def encoded(values: Array, dtype: DataType) -> Array:
    """Numbers of any numpy type as a tensor of `dtype`, through fp32."""
    if dtype is DataType.I32:
        return np.ascontiguousarray(values, np.int32) if values.dtype.kind in "iub" else i32_from_f32(_wide(values))
    wide = _wide(values)
    if dtype is DataType.F32:
        return wide
    return bf16_from_f32(wide) if dtype is DataType.BF16 else fp8_from_f32(wide, dtype)


def decoded(bits: Array, dtype: DataType) -> Array:
    """A tensor's bits as the numbers that they stand for: float32, or int32 for I32."""
    if dtype is DataType.BF16:
        return f32_from_bf16(bits)
    if dtype.is_fp8:
        table = _fp8_table(dtype).astype(np.float32)
        size = table[bits & 0x7F]
        return canonical(np.where(bits & 0x80, -size, size))
    return bits


def _wide(values: Array) -> F32:
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, np.float32)


def _fp8_table(dtype: DataType) -> NDArray[np.float64]:
    """The value of each code without a sign."""
    form = _FP8[dtype]
    codes = np.arange(128)
    exponent, mantissa = codes >> form.mantissa, codes & ((1 << form.mantissa) - 1)
    steps = mantissa + np.where(exponent > 0, 1 << form.mantissa, 0)
    values: NDArray[np.float64] = steps * 2.0 ** (np.maximum(exponent, 1) - form.bias - form.mantissa)
    values[values > form.largest] = np.nan
    if form.has_inf:
        values[np.flatnonzero(np.isnan(values))[0]] = np.inf
    return values
