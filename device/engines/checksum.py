"""CRC-32C (Castagnoli) of parts of an array: how large results are compared without keeping them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device._device import ffi, lib

__all__ = ["crc32c", "crc32c_tiles"]


def crc32c(data: bytes | bytearray | memoryview | NDArray[np.generic], crc: int = 0) -> int:
    """Appended to what `crc` covers; 0 begins. `data` is contiguous."""
    view = ffi.from_buffer(data)
    return int(lib.crc32c(crc, view, len(view)))


def crc32c_tiles(array: NDArray[np.generic], tile_rows: int, tile_columns: int) -> NDArray[np.uint32]:
    """One checksum a tile, in the order of the tiles; those at the edges may be smaller.

    `array` is two-dimensional and row major; a tile counts as if its rows followed each other.
    """
    if array.ndim != 2 or not array.flags.c_contiguous:
        raise ValueError(f"tiles of an array of shape {array.shape}; expected two dimensions, row major")
    if tile_rows < 1 or tile_columns < 1:
        raise ValueError(f"tiles of {tile_rows} x {tile_columns}; expected 1 or more")
    rows, columns = array.shape
    sums = np.empty((-(-rows // tile_rows), -(-columns // tile_columns)), np.uint32)
    stride = columns * array.itemsize
    base = ffi.from_buffer(array) if array.size else ffi.NULL
    for row, column in np.ndindex(sums.shape):
        top, left = row * tile_rows, column * tile_columns
        height = min(tile_rows, rows - top)
        width_bytes = min(tile_columns, columns - left) * array.itemsize
        start = base + (top * stride + left * array.itemsize)
        sums[row, column] = lib.crc32c_rows(0, start, width_bytes, stride, height)
    return sums
