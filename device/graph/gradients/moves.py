"""Gradients of operations that only move data: the same elements the other way."""

from __future__ import annotations

from device.graph.gradients.rule import Context, Partials, Rule, reduced_to
from device.graph.ir import Tensor
from device.graph.ops import BROADCAST, CONCAT, MEMCPY, RESHAPE, SLICE, TRANSPOSE
from device.graph.params import ConcatParams, SliceParams, TransposeParams
from device.graph.rules import params_of

__all__ = ["MOVE_RULES"]


def _transpose(c: Context) -> Partials:
    permutation = params_of(c.node, TransposeParams).permutation
    back = tuple(permutation.index(dim) for dim in range(len(permutation)))
    return (c.g.transpose(c.dy, back),)


def _slice(c: Context) -> Partials:
    """Zeros around it."""
    params, padded = params_of(c.node, SliceParams), c.dy
    for axis, (start, end) in enumerate(zip(params.starts, params.ends, strict=True)):
        whole = c.inputs[0].shape[axis]
        parts = [*_zeros(c, padded, axis, start), padded, *_zeros(c, padded, axis, whole - end)]
        padded = c.g.concat(tuple(parts), axis) if len(parts) > 1 else padded
    return (padded,)


def _zeros(c: Context, beside: Tensor, axis: int, extent: int) -> list[Tensor]:
    dims = (*beside.shape[:axis], extent, *beside.shape[axis + 1 :])
    return [c.g.zeros(dims, beside.dtype)] if extent > 0 else []


def _concat(c: Context) -> Partials:
    axis = params_of(c.node, ConcatParams).axis
    return c.g.split(c.dy, tuple(tensor.shape[axis] for tensor in c.inputs), axis)


MOVE_RULES: dict[str, Rule] = {
    MEMCPY: lambda c: (c.dy,),
    TRANSPOSE: _transpose,
    RESHAPE: lambda c: (c.g.reshape(c.dy, c.inputs[0].shape),),
    BROADCAST: lambda c: (reduced_to(c.g, c.dy, c.inputs[0].shape),),
    SLICE: _slice,
    CONCAT: _concat,
}
