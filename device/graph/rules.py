"""Rules for the dimensions of each operation's output. Called by ops.py, which has checked number and types of inputs.

A rule gets the node and its input tensors. A GraphError names the node and the tensor, what was found and expected.
"""

from __future__ import annotations

import math
from typing import TypeVar

from device.errors import GraphError
from device.graph.ir import Node, Tensor
from device.graph.params import (
    ConcatParams,
    ConstantParams,
    GemmParams,
    IndexParams,
    ReduceParams,
    ShapeParams,
    SliceParams,
    TransposeParams,
)
from device.recipe.descriptors import Access

__all__ = [
    "Dims",
    "Inputs",
    "access_of",
    "batch_dims",
    "broadcast_dims",
    "concat_dims",
    "constant_dims",
    "elementwise_dims",
    "error_at",
    "gather_dims",
    "gemm_dims",
    "gemm_mnk",
    "norm_dims",
    "one_hot_dims",
    "params_of",
    "reduced_dims",
    "reshape_dims",
    "same_dims",
    "scatter_dims",
    "slice_dims",
    "transpose_dims",
]

Dims = tuple[int, ...]
Inputs = tuple[Tensor, ...]
Kind = TypeVar("Kind")


def error_at(node: Node, text: str) -> GraphError:
    return GraphError(f"node {node.name} ({node.guid}): {text}")


def params_of(node: Node, kind: type[Kind]) -> Kind:
    if not isinstance(node.params, kind):
        raise error_at(node, f"needs {kind.__name__}")
    return node.params


def gemm_mnk(node: Node, a: Tensor, b: Tensor) -> tuple[int, int, int]:
    """M, N, K of C[m, n] = A[m, k] x B[k, n] from dimensions that list the fast one first; a batch is not looked at."""
    params = params_of(node, GemmParams)
    k_of_a, m = reversed(a.shape[:2]) if params.transpose_a else a.shape[:2]
    n, k_of_b = reversed(b.shape[:2]) if params.transpose_b else b.shape[:2]
    if k_of_a != k_of_b:
        in_a = f"{k_of_a} in {'transposed ' if params.transpose_a else ''}A, tensor {a}"
        in_b = f"{k_of_b} in {'transposed ' if params.transpose_b else ''}B, tensor {b}"
        raise error_at(node, f"the common dimension is {in_a}, but {in_b}")
    return m, n, k_of_a


def gemm_dims(node: Node, inputs: Inputs) -> Dims:
    for tensor in inputs[:2]:
        if len(tensor.shape) != 2:
            raise error_at(node, f"tensor {tensor} has {len(tensor.shape)} dimensions, a gemm needs 2")
    m, n, _ = gemm_mnk(node, inputs[0], inputs[1])
    if len(inputs) == 3 and inputs[2].shape != (n,):
        raise error_at(node, f"bias, tensor {inputs[2]}, has to have the dimensions ({n},)")
    return (n, m)


def batch_dims(node: Node, inputs: Inputs) -> Dims:
    """A and B have the same dimensions behind the matrix, or B has none: then it serves the whole batch."""
    a, b = inputs
    if len(a.shape) < 3 or len(b.shape) < 2:
        raise error_at(node, f"tensor {a} needs 3 dimensions or more, tensor {b} 2 or more")
    if len(b.shape) > 2 and b.shape[2:] != a.shape[2:]:
        raise error_at(node, f"the batch is {a.shape[2:]} in A, tensor {a}, but {b.shape[2:]} in B, tensor {b}")
    m, n, _ = gemm_mnk(node, a, b)
    return (n, m, *a.shape[2:])


def access_of(dims: Dims, result: Dims) -> Access | None:
    """How a tensor repeats in a larger one: along its fast dimensions, along slow ones, or both, not between them.

    Dimensions that it lacks count as 1. None if it does not fit.
    """
    padded = dims + (1,) * (len(result) - len(dims))
    repeat, is_inside, is_behind = 1, False, False
    for own, wanted in zip(padded, result, strict=False):
        if wanted == 1 and own == 1:
            continue
        if own == wanted:
            if is_behind:
                return None
            is_inside = True
        elif own != 1:
            return None
        elif is_inside:
            is_behind = True
        else:
            repeat *= wanted
    fits = len(dims) <= len(result)
    return Access(repeat, math.prod(dims)) if fits else None


def elementwise_dims(node: Node, inputs: Inputs) -> Dims:
    """The largest operand decides; the others have its dimensions, or 1 in the fast or the slow ones: they repeat."""
    largest = max(inputs, key=lambda tensor: (tensor.count, len(tensor.shape)))
    for tensor in inputs:
        if access_of(tensor.shape, largest.shape) is None:
            raise error_at(
                node,
                f"tensor {tensor} does not repeat along the dimensions of tensor {largest}; "
                "only its first or its last dimensions may be 1 or missing, broadcast it otherwise",
            )
    return largest.shape


def same_dims(node: Node, inputs: Inputs) -> Dims:
    return inputs[0].shape


def reduced_dims(node: Node, inputs: Inputs) -> Dims:
    """The dimension of the params becomes 1."""
    axis, shape = params_of(node, ReduceParams).axis, inputs[0].shape
    _check_axis(node, axis, inputs[0])
    return (*shape[:axis], 1, *shape[axis + 1 :])


def gather_dims(node: Node, inputs: Inputs) -> Dims:
    """The dimensions of the indices instead of the one that they count in."""
    data, indices = inputs
    axis = params_of(node, IndexParams).axis
    _check_axis(node, axis, data)
    return (*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :])


def scatter_dims(node: Node, inputs: Inputs) -> Dims:
    """The other way round: where the dimensions of the indices stood, `size` remains."""
    data, indices = inputs
    params, end = params_of(node, IndexParams), params_of(node, IndexParams).axis + len(indices.shape)
    if params.axis < 0 or data.shape[params.axis : end] != indices.shape:
        raise error_at(node, f"tensor {data} does not have the dimensions of the indices, {indices}, at {params.axis}")
    _check_size(node, params.size)
    return (*data.shape[: params.axis], params.size, *data.shape[end:])


def one_hot_dims(node: Node, inputs: Inputs) -> Dims:
    """A fast dimension of `size` before those of the indices."""
    params = params_of(node, IndexParams)
    _check_size(node, params.size)
    return (params.size, *inputs[0].shape)


def _check_axis(node: Node, axis: int, tensor: Tensor) -> None:
    if not 0 <= axis < len(tensor.shape):
        raise error_at(node, f"axis {axis}, tensor {tensor} has {len(tensor.shape)} dimensions")


def _check_size(node: Node, size: int) -> None:
    if not 1 <= size < 1 << 31:
        raise error_at(node, f"{size} places; indices can tell 1 to 2^31 - 1 apart")


def norm_dims(node: Node, inputs: Inputs) -> Dims:
    for name, tensor in zip(("gamma", "beta"), inputs[1:], strict=False):
        if tensor.shape != inputs[0].shape[:1]:
            raise error_at(node, f"{name}, tensor {tensor}, has to have the dimensions ({inputs[0].shape[0]},)")
    return inputs[0].shape


def transpose_dims(node: Node, inputs: Inputs) -> Dims:
    permutation = params_of(node, TransposeParams).permutation
    shape = inputs[0].shape
    if sorted(permutation) != list(range(len(shape))):
        raise error_at(node, f"{permutation} does not permute the {len(shape)} dimensions of tensor {inputs[0]}")
    return tuple(shape[dim] for dim in permutation)


def reshape_dims(node: Node, inputs: Inputs) -> Dims:
    dims = params_of(node, ShapeParams).dims
    if not dims or math.prod(dims) != inputs[0].count or min(dims) < 1:
        raise error_at(node, f"{dims} has not the {inputs[0].count} elements of tensor {inputs[0]}")
    return dims


def broadcast_dims(node: Node, inputs: Inputs) -> Dims:
    dims = params_of(node, ShapeParams).dims
    shape = inputs[0].shape + (1,) * (len(dims) - len(inputs[0].shape))
    if len(shape) != len(dims) or any(own not in (1, wanted) for own, wanted in zip(shape, dims, strict=True)):
        raise error_at(node, f"tensor {inputs[0]} does not broadcast to {dims}: each dimension has to be that or 1")
    return dims


def slice_dims(node: Node, inputs: Inputs) -> Dims:
    params, shape = params_of(node, SliceParams), inputs[0].shape
    if not len(params.starts) == len(params.ends) == len(shape):
        raise error_at(node, f"slices {len(params.starts)} dimensions, tensor {inputs[0]} has {len(shape)}")
    for start, end, size in zip(params.starts, params.ends, shape, strict=True):
        if not 0 <= start < end <= size:
            raise error_at(node, f"{start}:{end} is no part of a dimension of {size} of tensor {inputs[0]}")
    return tuple(end - start for start, end in zip(params.starts, params.ends, strict=True))


def concat_dims(node: Node, inputs: Inputs) -> Dims:
    axis, first = params_of(node, ConcatParams).axis, inputs[0].shape
    if not 0 <= axis < len(first):
        raise error_at(node, f"axis {axis}, tensor {inputs[0]} has {len(first)} dimensions")
    for tensor in inputs[1:]:
        if len(tensor.shape) != len(first) or _without(tensor.shape, axis) != _without(first, axis):
            raise error_at(node, f"tensor {tensor} differs from tensor {inputs[0]} in another dimension than {axis}")
    joined = sum(tensor.shape[axis] for tensor in inputs)
    return (*first[:axis], joined, *first[axis + 1 :])


def constant_dims(node: Node, inputs: Inputs) -> Dims:
    dims = params_of(node, ConstantParams).dims
    if not dims or min(dims) < 1:
        raise error_at(node, f"dimensions {dims}; at least one, each 1 or more")
    return dims


def _without(dims: Dims, axis: int) -> Dims:
    return dims[:axis] + dims[axis + 1 :]
