"""Numbers to bits and back, against ml_dtypes."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.arrays import bf16_from_f32, decoded, encoded, f32_from_bf16, fp8_from_f32, i32_from_f32
from device.dtypes import FP8_TYPES, DataType

ORACLES = {
    DataType.FP8_152: ml_dtypes.float8_e5m2,
    DataType.FP8_143: ml_dtypes.float8_e4m3,
    DataType.FP8_143_448: ml_dtypes.float8_e4m3fn,
}
LARGEST = {DataType.FP8_152: 57344.0, DataType.FP8_143: 240.0, DataType.FP8_143_448: 448.0}


@pytest.mark.parametrize("dtype", FP8_TYPES)
def test_every_fp8_code_is_the_number_of_ml_dtypes(dtype: DataType) -> None:
    codes = np.arange(256, dtype=np.uint8)
    wanted = codes.view(ORACLES[dtype]).astype(np.float32)
    np.testing.assert_array_equal(decoded(codes, dtype), wanted)
    assert np.array_equal(np.signbit(decoded(codes, dtype))[:128], np.zeros(128, bool))


@pytest.mark.parametrize("dtype", FP8_TYPES)
@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=50))
def test_fp8_rounds_as_ml_dtypes_and_saturates(dtype: DataType, numbers: list[float]) -> None:
    values = np.array(numbers, np.float32)
    limited = np.clip(values, -LARGEST[dtype], LARGEST[dtype])
    assert fp8_from_f32(values, dtype).tobytes() == limited.astype(ORACLES[dtype]).tobytes()


@given(st.lists(st.floats(width=32, allow_nan=False, allow_subnormal=False), min_size=1, max_size=50))
def test_bf16_rounds_as_ml_dtypes(numbers: list[float]) -> None:
    values = np.array(numbers, np.float32)
    with np.errstate(over="ignore"):
        assert bf16_from_f32(values).tobytes() == values.astype(ml_dtypes.bfloat16).tobytes()


@pytest.mark.parametrize("dtype", [*FP8_TYPES, DataType.BF16])
def test_a_code_survives_the_way_through_f32(dtype: DataType) -> None:
    """NaN becomes the format's one, Inf of fp8 its largest number, a bf16 denormal zero."""
    codes = np.arange(256 if dtype.is_fp8 else 1 << 16).astype(np.uint8 if dtype.is_fp8 else np.uint16)
    wide = decoded(codes, dtype)
    plain = np.isfinite(wide) & ((wide != 0) | (codes & (codes - 1) == 0))
    back = encoded(wide, dtype)
    assert np.array_equal(back[plain & (wide != 0)], codes[plain & (wide != 0)])
    assert np.unique(back[np.isnan(wide)]).size == 1


def test_integers_round_to_even_and_saturate() -> None:
    values = np.array([0.5, 1.5, -2.5, 3e9, -3e9, np.inf, -np.inf, np.nan, 2147483520.0], np.float32)
    wanted = [0, 2, -2, 2**31 - 1, -(2**31), 2**31 - 1, -(2**31), 0, 2147483520]
    assert i32_from_f32(values).tolist() == wanted
    assert encoded(np.array([7, -8], np.int64), DataType.I32).tolist() == [7, -8]


def test_a_number_of_any_numpy_type_can_be_encoded() -> None:
    assert f32_from_bf16(encoded(np.array([1.5, -2.0]), DataType.BF16)).tolist() == [1.5, -2.0]
    assert encoded(np.array([1.5]), DataType.F32).dtype == np.float32
