"""Moves and constants in numpy: views and copies of arrays whose last axis is the fast dimension."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from device.arrays import Array, numpy_type
from device.dtypes import DataType
from device.graph.ir import Node
from device.graph.ops import BROADCAST, CONCAT, MEMCPY, RESHAPE, SLICE, TRANSPOSE
from device.graph.params import ConcatParams, ConstantParams, ShapeParams, SliceParams, TransposeParams
from device.graph.rules import params_of
from device.recipe.descriptors import Constant

__all__ = ["filled", "run_constant", "run_move"]


def run_move(node: Node, operands: list[Array]) -> Array:
    """A new, contiguous array."""
    moved: Array = np.array(_RUN[node.guid](node, operands), order="C", copy=True)
    return moved


def run_constant(node: Node, dtype: DataType) -> Array:
    params = params_of(node, ConstantParams)
    shape = params.dims[::-1]
    return filled(Constant(params.bits, dtype), shape)


def filled(constant: Constant, shape: tuple[int, ...]) -> Array:
    """An array that is one number everywhere."""
    kind = np.dtype(f"u{constant.dtype.size_bytes}")
    return np.full(shape, constant.bits, kind).view(numpy_type(constant.dtype))


def _transpose(node: Node, operands: list[Array]) -> Array:
    """Axes count from the slow end, dimensions from the fast one."""
    permutation = params_of(node, TransposeParams).permutation
    last = len(permutation) - 1
    transposed: Array = operands[0].transpose([last - dim for dim in reversed(permutation)])
    return transposed


def _broadcast(node: Node, operands: list[Array]) -> Array:
    """Missing dimensions are slow ones, which is where numpy adds them."""
    return np.broadcast_to(operands[0], params_of(node, ShapeParams).dims[::-1])


def _reshape(node: Node, operands: list[Array]) -> Array:
    return operands[0].reshape(params_of(node, ShapeParams).dims[::-1])


def _slice(node: Node, operands: list[Array]) -> Array:
    params = params_of(node, SliceParams)
    bounds = zip(reversed(params.starts), reversed(params.ends), strict=True)
    part: Array = operands[0][tuple(slice(start, end) for start, end in bounds)]
    return part


def _concat(node: Node, operands: list[Array]) -> Array:
    axis = operands[0].ndim - 1 - params_of(node, ConcatParams).axis
    joined: Array = np.concatenate(operands, axis=axis)
    return joined


_RUN: dict[str, Callable[[Node, list[Array]], Array]] = {
    MEMCPY: lambda node, operands: operands[0],
    TRANSPOSE: _transpose,
    BROADCAST: _broadcast,
    RESHAPE: _reshape,
    SLICE: _slice,
    CONCAT: _concat,
}
