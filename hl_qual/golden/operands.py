"""Seeded bf16 operands as bit patterns. Pure: the same seed gives the same bits everywhere."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Bf16", "negated", "operand"]

Bf16 = npt.NDArray[np.uint16]

# Exponents around 2^0: most lie close together, so that all of them reach the rounding of a sum; one in eight spreads
# wide, for cancellation and large shifts. Products stay below 2^42, so no sum of 10^6 of them leaves fp32.
_BIAS = 127
_NEAR = 3
_FAR = 20


def operand(seed: int, stream: int, rows: int, columns: int) -> Bf16:
    """Finite values with random signs and mantissas and mixed exponents; `stream` tells operands of a seed apart."""
    random = np.random.Generator(np.random.PCG64([seed, stream]))
    shape = (rows, columns)
    is_far = random.integers(0, 8, shape) == 0
    near = random.integers(-_NEAR, _NEAR + 1, shape)
    far = random.integers(-_FAR, _FAR + 1, shape)
    exponent = np.where(is_far, far, near) + _BIAS
    sign = random.integers(0, 2, shape)
    mantissa = random.integers(0, 128, shape)
    return (sign << 15 | exponent << 7 | mantissa).astype(np.uint16)


def negated(bits: Bf16) -> Bf16:
    """Every value with the other sign."""
    return bits ^ np.uint16(0x8000)
