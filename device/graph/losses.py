"""Losses, as nodes of a graph: one number, in fp32."""

from __future__ import annotations

from device.dtypes import DataType
from device.graph.builder import GraphBuilder
from device.graph.ir import Tensor

__all__ = ["cross_entropy", "mean_squared_error"]


def cross_entropy(g: GraphBuilder, logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over all places of -log softmax(logits) at the label.

    Logits have the dims (classes, *places), labels are i32 with the dims of the places. The result has the dims (1,).
    """
    chances = g.log_softmax(g.cast(logits, DataType.F32))
    chosen = g.reduce_sum(g.mul(chances, g.one_hot(labels, logits.shape[0])))
    return g.neg(_mean(g, chosen))


def mean_squared_error(g: GraphBuilder, y: Tensor, target: Tensor) -> Tensor:
    """Mean over all elements of (y - target)^2; dims (1,)."""
    difference = g.sub(g.cast(y, DataType.F32), g.cast(target, DataType.F32))
    return _mean(g, g.mul(difference, difference))


def _mean(g: GraphBuilder, values: Tensor) -> Tensor:
    return g.reduce_mean(g.reshape(values, (values.count,)))
