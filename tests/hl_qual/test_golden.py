"""Operands are finite and seeded, a wrong bit is found where it is, every submitted result is checked."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hl_qual.golden.checker import Checker
from hl_qual.golden.operands import negated, operand
from hl_qual.golden.tiles import F32, TILE, U32, make_golden, mismatches

ROWS, COLUMNS = 2 * TILE, 3 * TILE


def checksums(result: F32, rows: int, columns: int) -> U32:
    tiles = [
        [zlib.crc32(result[r : r + rows, c : c + columns].tobytes()) for c in range(0, result.shape[1], columns)]
        for r in range(0, result.shape[0], rows)
    ]
    return np.array(tiles, dtype=np.uint32)


def result() -> F32:
    return np.arange(ROWS * COLUMNS, dtype=np.float32).reshape(ROWS, COLUMNS)


def test_operands_are_seeded_finite_and_mixed() -> None:
    bits = operand(5, 0, 64, 64)
    assert np.array_equal(bits, operand(5, 0, 64, 64))
    assert not np.array_equal(bits, operand(5, 1, 64, 64))
    assert not np.array_equal(bits, operand(6, 0, 64, 64))
    exponents = bits >> 7 & 0xFF
    assert exponents.max() < 0xFF and exponents.min() > 0
    assert exponents.max() - exponents.min() > 30
    assert np.array_equal(negated(negated(bits)), bits)


def test_products_of_operands_stay_finite() -> None:
    values = [(operand(5, s, 64, 512).astype(np.uint32) << 16).view(np.float32).astype(np.float64) for s in (0, 1)]
    assert np.abs(values[0]).max() * np.abs(values[1]).max() * 2**20 < np.finfo(np.float32).max


@given(st.integers(0, ROWS - 1), st.integers(0, COLUMNS - 1), st.integers(0, 31))
@settings(max_examples=25, deadline=None)
def test_any_wrong_bit_is_located(row: int, column: int, bit: int) -> None:
    golden = make_golden(result(), checksums)
    wrong = result()
    wrong.view(np.uint32)[row, column] ^= np.uint32(1 << bit)
    (found,) = mismatches(golden, wrong, checksums)
    assert (found.tile, found.element) == ((row // TILE, column // TILE), (row, column))
    assert found.expected_bits ^ found.actual_bits == 1 << bit
    assert found.wrong_elements == 1
    assert f"element (row {row}, column {column}): expected 0x{found.expected_bits:08x}" in str(found)


def test_checker_checks_everything_and_counts_wrong_launches() -> None:
    checker = Checker([make_golden(result(), checksums)], checksums)
    for launch in range(20):
        array = checker.take()
        array[...] = result()
        if launch in (3, 19):
            array[5, 7] = -1
        checker.submit(launch, 0, array)
    tally = checker.close()
    assert (tally.checked, tally.mismatched, tally.last_checked, tally.wrong_sets) == (20, 2, 19, {0: 2})
    assert [launch for launch, _, _ in tally.first] == [3, 19]


def test_broken_checker_does_not_pass_as_checked() -> None:
    calls = iter([False])

    def breaking(array: F32, rows: int, columns: int) -> U32:
        if next(calls, True):
            raise ValueError("no checksum today")
        return checksums(array, rows, columns)

    checker = Checker([make_golden(result(), breaking)], breaking)
    checker.submit(0, 0, checker.take())
    with pytest.raises(RuntimeError, match="no checksum today"):
        checker.close()
