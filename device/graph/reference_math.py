"""exp, log, pow, tanh, sigmoid and gelu as csrc/kernels/elementwise_math.h defines them, step by step in numpy's fp32.

Every line is one rounding per operation; numpy does not fuse. The constants are those of the header: change both or
neither.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["math_exp", "math_gelu", "math_log", "math_pow", "math_sigmoid", "math_tanh"]

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

_F = np.float32
_ROUNDER = _F(12582912.0)
_ROUNDER_BITS = np.uint32(0x4B400000)
_UNIT_FROM = _F(8388608.0)
"""2^23: from here on every float is whole."""
_SQRT_HALF_BITS = np.uint32(0x3F3504F3)
_LN2_HIGH, _LN2_LOW = _F(0.693359375), _F(-2.12194440e-4)
_LOWEST, _SMALLEST_NORMAL = np.finfo(np.float32).min, _F(2.0**-126)

_EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
_LOG = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
_TANH = (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)


def math_exp(x: F32) -> F32:
    with np.errstate(all="ignore"):
        x = np.where(x > _F(89), _F(89), x)
        x = np.where(x < _F(-104), _F(-104), x)
        shifted = x * _F(1.44269504) + _ROUNDER
        n = (shifted.view(np.uint32) - _ROUNDER_BITS).view(np.int32)
        whole = shifted - _ROUNDER
        r = x - whole * _LN2_HIGH
        r = r - whole * _LN2_LOW
        p = _polynomial(_EXP, r)
        p = p * (r * r) + r + _F(1)
        half = n >> 1
        scaled: F32 = p * _power_of_two(half) * _power_of_two(n - half)
        return scaled


def math_log(x: F32) -> F32:
    with np.errstate(all="ignore"):
        is_small = x < _SMALLEST_NORMAL
        scaled = np.where(is_small, x * _F(8388608), x)
        lowered = is_small.astype(np.float32) * _F(23)
        bits = scaled.view(np.uint32) - _SQRT_HALF_BITS
        e: F32 = (bits.view(np.int32) >> 23).astype(np.float32) - lowered
        m: F32 = ((bits & np.uint32(0x007FFFFF)) + _SQRT_HALF_BITS).view(np.float32) - _F(1)
        p: F32 = _polynomial(_LOG, m)
        square = m * m
        p = p * m * square
        p = p + e * _LN2_LOW
        p = p - _F(0.5) * square
        result = m + p + e * _LN2_HIGH
        result = np.where(x == 0, _F(-np.inf), result)
        result = np.where(x == np.inf, _F(np.inf), result)
        return np.where(x >= 0, result, _F(np.nan))


def math_tanh(x: F32) -> F32:
    with np.errstate(all="ignore"):
        size = np.abs(x)
        square = x * x
        near = _polynomial(_TANH, square) * square * x + x
        far = _F(1) - _F(2) / (math_exp(size + size) + _F(1))
        return np.where(size < _F(0.625), near, np.where(x < 0, -far, far))


def math_pow(x: F32, y: F32) -> F32:
    with np.errstate(all="ignore"):
        size = np.abs(y)
        is_fine = size < _UNIT_FROM
        whole = np.where(is_fine, size + _UNIT_FROM - _UNIT_FROM, size)
        parity = (np.where(is_fine, whole, _F(0)) + _UNIT_FROM).view(np.uint32) & np.uint32(1)
        is_middle = (size >= _UNIT_FROM) & (size < _F(16777216))
        is_odd = np.where(is_middle, size.view(np.uint32) & np.uint32(1), parity) > 0
        is_whole = whole == size
        result = math_exp(y * math_log(np.abs(x)))
        result = np.where((x < 0) & ~is_whole, _F(np.nan), result)
        result = np.where((np.abs(x) == 1) & ((x == 1) | is_whole), _F(1), result)
        result = np.where(y == 0, _F(1), result)
        signed = np.where(is_whole & is_odd & np.signbit(x), -result, result)
        return np.where((y != 0) & np.isnan(x), _F(np.nan), signed)


def math_sigmoid(x: F32) -> F32:
    with np.errstate(all="ignore"):
        return _F(1) / (_F(1) + math_exp(-x))


def math_gelu(x: F32) -> F32:
    with np.errstate(all="ignore"):
        x = np.maximum(x, _LOWEST)
        h = _F(0.5) * x
        inner = _F(0.79788456) * (x + _F(0.044715) * x * x * x)
        return h + h * math_tanh(inner)


def _polynomial(coefficients: tuple[float, ...], x: F32) -> F32:
    """The first coefficient belongs to the highest power."""
    p: F32 = np.full_like(x, _F(coefficients[0]))
    for coefficient in coefficients[1:]:
        p = p * x + _F(coefficient)
    return p


def _power_of_two(n: I32) -> F32:
    return ((n + np.int32(127)).view(np.uint32) << np.uint32(23)).view(np.float32)
