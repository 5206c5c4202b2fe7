"""Gradients along a dimension, in fp32: reductions, softmax, norms; and those of operations with indices."""

from __future__ import annotations

import struct

from device.dtypes import DataType
from device.graph.builder import GraphBuilder
from device.graph.gradients.rule import Context, Partials, Rule, spread, sum_of_rows
from device.graph.ir import Tensor
from device.graph.params import IndexParams, NormParams, ReduceParams
from device.graph.rules import params_of
from device.recipe.tpc_ops import IndexOp, RowOp

__all__ = ["INDEX_RULES", "ROW_RULES"]

F32 = DataType.F32


def _sum(c: Context) -> Partials:
    return (c.g.broadcast(c.dy, c.inputs[0].shape),)


def _mean(c: Context) -> Partials:
    (x,) = c.inputs
    count = x.count // c.y.count
    return (c.g.broadcast(c.g.mul(c.dy, 1.0 / count), x.shape),)


def _extreme(c: Context) -> Partials:
    """Shared evenly by all elements that are the largest (smallest)."""
    g, (x,) = c.g, c.inputs
    axis = params_of(c.node, ReduceParams).axis
    is_extreme = g.equal(g.cast(x, F32), spread(g, g.cast(c.y, F32), x.shape))
    share = g.div(g.cast(c.dy, F32), g.reduce_sum(is_extreme, axis))
    return (g.cast(g.mul(is_extreme, spread(g, share, x.shape)), x.dtype),)


def _softmax(c: Context) -> Partials:
    g, y, dy = c.g, c.g.cast(c.y, F32), c.g.cast(c.dy, F32)
    weighted = g.reduce_sum(g.mul(y, dy))
    return (g.cast(g.mul(y, g.sub(dy, weighted)), c.y.dtype),)


def _log_softmax(c: Context) -> Partials:
    g, y, dy = c.g, c.g.cast(c.y, F32), c.g.cast(c.dy, F32)
    return (g.cast(g.sub(dy, g.mul(g.exp(y), g.reduce_sum(dy))), c.y.dtype),)


def _layer_norm(c: Context) -> Partials:
    """x^ = d r with d = x - mean and r = 1 / sqrt(mean(d^2) + e); dx = r (dx^ - mean(dx^) - x^ mean(dx^ x^))."""
    g, (x, gamma, _) = c.g, c.inputs
    wide, dy = g.cast(x, F32), g.cast(c.dy, F32)
    centred = g.sub(wide, g.reduce_mean(wide))
    scale = _scale(g, c, centred)
    normal = g.mul(centred, scale)
    by_normal = g.mul(dy, gamma)
    along = g.mul(normal, g.reduce_mean(g.mul(by_normal, normal)))
    dx = g.mul(g.sub(g.sub(by_normal, g.reduce_mean(by_normal)), along), scale)
    return g.cast(dx, x.dtype), sum_of_rows(g, g.mul(dy, normal)), sum_of_rows(g, dy)


def _rms_norm(c: Context) -> Partials:
    g, (x, gamma) = c.g, c.inputs
    wide, dy = g.cast(x, F32), g.cast(c.dy, F32)
    scale = _scale(g, c, wide)
    normal = g.mul(wide, scale)
    by_normal = g.mul(dy, gamma)
    along = g.mul(normal, g.reduce_mean(g.mul(by_normal, normal)))
    return g.cast(g.mul(g.sub(by_normal, along), scale), x.dtype), sum_of_rows(g, g.mul(dy, normal))


def _scale(g: GraphBuilder, c: Context, values: Tensor) -> Tensor:
    bits = params_of(c.node, NormParams).epsilon_bits
    epsilon: float = struct.unpack("<f", struct.pack("<I", bits))[0]
    return g.rsqrt(g.add(g.reduce_mean(g.mul(values, values)), epsilon))


def _gather(c: Context) -> Partials:
    data, indices = c.inputs
    axis = params_of(c.node, IndexParams).axis
    wide = c.g.cast(c.dy, F32)
    return c.g.cast(c.g.scatter_add(wide, indices, axis, data.shape[axis]), c.dy.dtype), None


def _scatter_add(c: Context) -> Partials:
    return c.g.gather(c.dy, c.inputs[1], params_of(c.node, IndexParams).axis), None


ROW_RULES: dict[RowOp, Rule] = {
    RowOp.SUM: _sum,
    RowOp.MEAN: _mean,
    RowOp.MAX: _extreme,
    RowOp.MIN: _extreme,
    RowOp.SOFTMAX: _softmax,
    RowOp.LOG_SOFTMAX: _log_softmax,
    RowOp.LAYER_NORM: _layer_norm,
    RowOp.RMS_NORM: _rms_norm,
}

INDEX_RULES: dict[IndexOp, Rule] = {
    IndexOp.GATHER: _gather,
    IndexOp.SCATTER_ADD: _scatter_add,
    IndexOp.ONE_HOT: lambda c: (None,),
}
