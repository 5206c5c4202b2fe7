"""What operations with indices compute, for the engine and for the definition alike.

An index that is out of range is an error here; the silicon would read or write somewhere else.
"""

from __future__ import annotations

import numpy as np

from device.arrays import Array, canonical, decoded, encoded
from device.dtypes import DataType
from device.recipe.tpc_ops import IndexOp

__all__ = ["IndexRangeError", "run_indexed"]

Extents = tuple[int, int, int, int]


class IndexRangeError(ValueError):
    """Says which index it is."""


def run_indexed(op: IndexOp, dtype: DataType, data: Array | None, indices: Array, extents: Extents) -> Array:
    """`extents` are outer, size, count and inner of TpcIndexed, whose definition this is; the result is flat."""
    outer, size, count, inner = extents
    places = indices.reshape(count)
    _check(places, size)
    if op is IndexOp.ONE_HOT:
        hot = np.zeros((count, size), np.float32)
        hot[np.arange(count), places] = 1
        return encoded(hot, dtype).reshape(-1)
    assert data is not None, "only a one-hot has none"
    if op is IndexOp.GATHER:
        return np.take(data.reshape(outer, size, inner), places, axis=1).reshape(-1)
    with np.errstate(all="ignore"):
        sums = np.zeros((size, outer, inner), np.float32)
        added = decoded(data, dtype).reshape(outer, count, inner).swapaxes(0, 1)
        np.add.at(sums, places, added)
        result: Array = encoded(canonical(np.ascontiguousarray(sums.swapaxes(0, 1))), dtype).reshape(-1)
    return result


def _check(places: Array, size: int) -> None:
    wrong = np.flatnonzero((places < 0) | (places >= size))
    if wrong.size:
        raise IndexRangeError(f"index {places[wrong[0]]} at place {wrong[0]} is outside 0 .. {size - 1}")
