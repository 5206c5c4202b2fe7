"""The numpy definitions against exact rational arithmetic, and against rules that a wrong order would break."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.graph.reference import ELEMENTWISE, bf16_from_f32, f32_from_bf16, gemm, mme_product

TINY = Fraction(1, 2**126)


def rounded(exact: Fraction) -> Fraction:
    """To 24 bits, nearest even, unbounded exponent; below 2^-126 zero. The sign of a zero is not modelled."""
    if exact == 0:
        return exact
    exponent = 0
    while abs(exact) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    while abs(exact) < Fraction(2) ** exponent:
        exponent -= 1
    unit = Fraction(2) ** (exponent - 23)
    result = round(exact / unit) * unit
    return Fraction(0) if abs(result) < TINY else result


def exact_product(a: np.ndarray, b: np.ndarray) -> list[list[Fraction]]:
    """The definition, element by element, in rational numbers."""
    k = a.shape[1]
    result = []
    for row in f32_from_bf16(a):
        line = []
        for column in f32_from_bf16(b).T:
            total = Fraction(0)
            for block in range(0, k, 32):
                sums = [Fraction(0), Fraction(0)]
                for i in range(block, min(block + 32, k)):
                    product = Fraction(float(row[i])) * Fraction(float(column[i]))
                    sums[(i - block) % 2] = rounded(product + sums[(i - block) % 2])
                total = rounded(total + rounded(sums[0] + sums[1]))
            line.append(total)
        result.append(line)
    return result


def random_bf16(seed: int, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
    """Bits with exponent fields low .. high - 1."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(low, high, shape) << 7 | rng.integers(0, 128, shape) | rng.integers(0, 2, shape) << 15
    return bits.astype(np.uint16)


# Ordinary numbers, strong cancellation over wide exponents, and products around 2^-126.
@pytest.mark.parametrize(("low", "high"), [(120, 134), (90, 164), (58, 68)])
@given(seed=st.integers(0, 2**32), k=st.integers(1, 70))
@settings(max_examples=15, deadline=None)
def test_product_is_the_definition(low: int, high: int, seed: int, k: int) -> None:
    a, b = random_bf16(seed, (3, k), low, high), random_bf16(seed + 1, (k, 2), low, high)
    got = [[Fraction(float(value)) for value in row] for row in mme_product(a, b)]
    assert got == exact_product(a, b)


def test_plain_fp32_summation_would_be_noticed() -> None:
    a, b = random_bf16(1, (8, 64), 110, 140), random_bf16(2, (64, 8), 110, 140)
    naive = f32_from_bf16(a) @ f32_from_bf16(b)
    assert not np.array_equal(naive.view(np.uint32), mme_product(a, b).view(np.uint32))


def bf16(*values: float) -> np.ndarray:
    return bf16_from_f32(np.array(values, np.float32))


def test_infinities_and_nan() -> None:
    a = bf16(np.inf, 1.0).reshape(1, 2)
    assert mme_product(a, bf16(1.0, 1.0).reshape(2, 1))[0, 0] == np.inf
    assert mme_product(a, bf16(0.0, 1.0).reshape(2, 1)).view(np.uint32)[0, 0] == 0x7FC00000
    assert gemm(a, bf16(0.0, 1.0).reshape(2, 1), None, True, True)[0, 0] == 0x7FC0


def test_denormal_operand_counts_as_zero() -> None:
    one, denormal = bf16(1.0).reshape(1, 1), np.array([[1]], np.uint16)
    assert mme_product(one, denormal)[0, 0] == 0.0


def test_epilogue_order_is_bias_relu_cast() -> None:
    a, b = bf16(1.0).reshape(1, 1), bf16(-2.0).reshape(1, 1)
    assert gemm(a, b, np.array([2.5], np.float32), True, True)[0, 0] == bf16(0.5)[0]
    assert gemm(a, b, np.array([1.5], np.float32), True, False).view(np.uint32)[0, 0] == 0


@given(st.integers(0, 0xFFFF))
def test_bf16_survives_the_way_to_fp32_and_back_but_for_denormals(bits: int) -> None:
    value = np.array([bits], np.uint16)
    back = bf16_from_f32(f32_from_bf16(value))[0]
    exponent, fraction = bits >> 7 & 0xFF, bits & 0x7F
    if exponent == 0:
        assert back == bits & 0x8000
    elif exponent == 0xFF and fraction:
        assert back == 0x7FC0
    else:
        assert back == bits


@pytest.mark.parametrize(
    ("value", "bits"),
    [(1.00390625, 0x3F80), (1.01171875, 0x3F82), (3.4e38, 0x7F80), (-0.0, 0x8000), (1e-40, 0), (-1e-40, 0x8000)],
)
def test_cast_rounds_to_nearest_even(value: float, bits: int) -> None:
    assert bf16(value)[0] == bits


def test_relu_of_each_kind_of_number() -> None:
    values = np.array([-1.0, -0.0, 0.0, 2.0, np.nan, -np.inf, 1e-40], np.float32)
    bits = ELEMENTWISE["relu_fwd_f32"](values).view(np.uint32)
    assert list(bits[:4]) == [0, 0, 0, 0x40000000]
    assert list(bits[4:6]) == [0x7FC00000, 0]
    assert bits[6] == values.view(np.uint32)[6]


def test_fp32_add_keeps_denormals_and_bf16_does_not() -> None:
    small = np.array([1e-40], np.float32)
    assert ELEMENTWISE["add_fwd_f32"](small, small)[0] == np.float32(1e-40) + np.float32(1e-40)
    assert ELEMENTWISE["add_fwd_bf16"](np.array([1], np.uint16), np.array([1], np.uint16))[0] == 0
