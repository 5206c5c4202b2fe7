"""CRC-32C against known values and against a table-free definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.engines.checksum import crc32c, crc32c_tiles


def _by_definition(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_the_check_value_of_the_polynomial() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(b"") == 0


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_it_equals_the_definition_and_can_be_continued(first: bytes, second: bytes) -> None:
    assert crc32c(second, crc32c(first)) == _by_definition(first + second)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5), st.integers(1, 5))
def test_tiles_cover_the_array_edges_included(rows: int, columns: int, tile_rows: int, tile_columns: int) -> None:
    array = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)
    sums = crc32c_tiles(array, tile_rows, tile_columns)
    assert sums.shape == (-(-rows // tile_rows), -(-columns // tile_columns))
    for (row, column), found in np.ndenumerate(sums):
        tile = array[row * tile_rows : (row + 1) * tile_rows, column * tile_columns : (column + 1) * tile_columns]
        assert found == _by_definition(tile.tobytes())


def test_a_view_that_is_not_contiguous_is_refused() -> None:
    with pytest.raises(ValueError, match="row major"):
        crc32c_tiles(np.zeros((4, 4)).T[:, :2], 2, 2)
