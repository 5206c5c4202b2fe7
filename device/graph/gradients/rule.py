"""What a gradient rule gets and gives, and what several of them need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from device.dtypes import DataType
from device.graph.builder import GraphBuilder
from device.graph.ir import Node, Tensor
from device.graph.rules import Dims, access_of

__all__ = ["Context", "Partials", "Rule", "gradient_type", "reduced_to", "spread", "sum_of_rows"]


@dataclass(frozen=True, slots=True)
class Context:
    """A node whose result y has the gradient dy; new nodes go to the builder."""

    g: GraphBuilder
    node: Node
    inputs: tuple[Tensor, ...]
    y: Tensor
    dy: Tensor


Partials = tuple[Tensor | None, ...]
"""One for each input: a gradient with the dims of the result or of the input, or None where nothing flows."""

Rule = Callable[[Context], Partials]


def gradient_type(dtype: DataType) -> DataType:
    return DataType.BF16 if dtype.is_fp8 else dtype


def spread(g: GraphBuilder, small: Tensor, dims: Dims) -> Tensor:
    """As an operand of an elementwise operation with these dims: itself where that repeats it, else a broadcast."""
    return small if access_of(small.shape, dims) is not None else g.broadcast(small, dims)


def reduced_to(g: GraphBuilder, gradient: Tensor, dims: Dims) -> Tensor:
    """The sum over all elements that one element of a tensor of `dims` stood for; in fp32."""
    if gradient.shape == dims:
        return gradient
    wide = g.cast(gradient, DataType.F32)
    padded = dims + (1,) * (len(wide.shape) - len(dims))
    for axis, own in enumerate(padded):
        if own == 1 and wide.shape[axis] > 1:
            wide = g.reduce_sum(wide, axis)
    return g.cast(g.reshape(wide, dims), gradient.dtype)


def sum_of_rows(g: GraphBuilder, values: Tensor) -> Tensor:
    """Over all dimensions but the fast one."""
    width = values.shape[0]
    if values.count == width:
        return g.reshape(values, (width,))
    rows = g.reshape(values, (width, values.count // width))
    return g.reshape(g.reduce_sum(rows, 1), (width,))
