"""Golden results as checksums per tile, and where exactly a result differs. Pure.

A result is compared tile by tile by CRC32C; only for a tile that differs the elements are looked at. Rows and columns
are those of the whole result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["TILE", "Checksums", "Golden", "Mismatch", "make_golden", "mismatches"]

TILE = 128

F32 = npt.NDArray[np.float32]
U32 = npt.NDArray[np.uint32]
# (result, rows of a tile, columns of a tile) -> one checksum a tile
Checksums = Callable[[F32, int, int], U32]


@dataclass(frozen=True, slots=True)
class Golden:
    """The right result of one data set, and its checksums."""

    result: F32
    checksums: U32


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first wrong element of one wrong tile; `wrong_elements` counts those of the tile."""

    tile: tuple[int, int]
    element: tuple[int, int]
    expected_bits: int
    actual_bits: int
    wrong_elements: int

    @property
    def expected(self) -> str:
        """Bits and value, for people."""
        return _shown(self.expected_bits)

    @property
    def actual(self) -> str:
        """Bits and value, for people."""
        return _shown(self.actual_bits)

    def __str__(self) -> str:
        row, column = self.element
        return (
            f"tile ({self.tile[0]}, {self.tile[1]}), element (row {row}, column {column}): "
            f"expected {self.expected}, actual {self.actual}; {self.wrong_elements} wrong in this tile"
        )


def make_golden(result: F32, checksums: Checksums) -> Golden:
    """Golden of a right result."""
    return Golden(result, checksums(result, TILE, TILE))


def mismatches(golden: Golden, actual: F32, checksums: Checksums) -> list[Mismatch]:
    """One entry for each wrong tile, in row order; empty for a right result."""
    wrong = checksums(actual, TILE, TILE) != golden.checksums
    return [_first_wrong(golden.result, actual, int(row), int(column)) for row, column in np.argwhere(wrong)]


def _first_wrong(expected: F32, actual: F32, tile_row: int, tile_column: int) -> Mismatch:
    part = (slice(tile_row * TILE, (tile_row + 1) * TILE), slice(tile_column * TILE, (tile_column + 1) * TILE))
    wanted = expected[part].view(np.uint32)
    found = actual[part].view(np.uint32)
    places = np.argwhere(wanted != found)
    if len(places) == 0:
        raise AssertionError(f"tile ({tile_row}, {tile_column}) has another checksum but the same bits")
    row, column = (int(index) for index in places[0])
    return Mismatch(
        tile=(tile_row, tile_column),
        element=(tile_row * TILE + row, tile_column * TILE + column),
        expected_bits=int(wanted[row, column]),
        actual_bits=int(found[row, column]),
        wrong_elements=len(places),
    )


def _shown(bits: int) -> str:
    value = np.array([bits], dtype=np.uint32).view(np.float32)[0]
    return f"0x{bits:08x} ({value:.9g})"
