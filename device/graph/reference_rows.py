"""Operations along rows as csrc/kernels/elementwise.h defines them: 64 lanes, folded by halves, in numpy's fp32."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from device.arrays import Array, canonical, decoded, encoded
from device.dtypes import DataType
from device.graph.reference_math import math_exp, math_log
from device.recipe.tpc_ops import RowOp

__all__ = ["run_columns", "run_rows"]

F32 = NDArray[np.float32]

_LANES = 64


def run_rows(op: RowOp, dtype: DataType, operands: list[Array], epsilon_bits: int) -> Array:
    """x, then gamma and beta in fp32; along the last axis of the array, the fast dimension."""
    x = decoded(operands[0], dtype)
    parameters = [operand.view(np.float32) for operand in operands[1:]]
    epsilon = np.array([epsilon_bits], np.uint32).view(np.float32)[0]
    with np.errstate(all="ignore"):
        result = _RUN[op](x, parameters, epsilon)
    return encoded(canonical(result), dtype)


def run_columns(op: RowOp, dtype: DataType, x: Array, axis: int) -> Array:
    """A reduction along another axis, which becomes 1: a transpose and a row operation."""
    return np.ascontiguousarray(np.moveaxis(run_rows(op, dtype, [np.moveaxis(x, axis, -1)], 0), -1, axis))


def _reduce(x: F32, start: float, take: Callable[[F32, F32], F32]) -> F32:
    """What pads a row changes nothing: +0 in a sum, whose lanes never are -0, and -Inf in a maximum."""
    padding = -x.shape[-1] % _LANES
    wide = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, padding)], constant_values=start)
    blocks = wide.reshape(*x.shape[:-1], -1, _LANES)
    lanes = np.full(blocks[..., 0, :].shape, start, np.float32)
    for index in range(blocks.shape[-2]):
        lanes = take(lanes, blocks[..., index, :])
    width = _LANES // 2
    while width > 0:
        lanes = take(lanes[..., :width], lanes[..., width:])
        width //= 2
    return lanes


def _sum(x: F32) -> F32:
    return _reduce(x, 0.0, lambda lane, element: lane + element)


def _max(x: F32) -> F32:
    return _reduce(x, -np.inf, lambda lane, x: np.where((lane > x) | np.isnan(lane), lane, x))


def _min(x: F32) -> F32:
    return _reduce(x, np.inf, lambda lane, x: np.where((lane < x) | np.isnan(lane), lane, x))


def _scale(x: F32, epsilon: np.float32) -> F32:
    scale: F32 = np.float32(1) / np.sqrt(_sum(x * x) / np.float32(x.shape[-1]) + epsilon)
    return scale


def _softmax(x: F32, parameters: list[F32], epsilon: np.float32) -> F32:
    exponentials = math_exp(x - _max(x))
    return exponentials / _sum(exponentials)


def _log_softmax(x: F32, parameters: list[F32], epsilon: np.float32) -> F32:
    below = x - _max(x)
    return below - math_log(_sum(math_exp(below)))


def _layer_norm(x: F32, parameters: list[F32], epsilon: np.float32) -> F32:
    gamma, beta = parameters
    centred = x - _sum(x) / np.float32(x.shape[-1])
    return centred * _scale(centred, epsilon) * gamma + beta


def _rms_norm(x: F32, parameters: list[F32], epsilon: np.float32) -> F32:
    return x * _scale(x, epsilon) * parameters[0]


_RUN: dict[RowOp, Callable[[F32, list[F32], np.float32], F32]] = {
    RowOp.SUM: lambda x, parameters, epsilon: _sum(x),
    RowOp.MEAN: lambda x, parameters, epsilon: _sum(x) / np.float32(x.shape[-1]),
    RowOp.MAX: lambda x, parameters, epsilon: _max(x),
    RowOp.MIN: lambda x, parameters, epsilon: _min(x),
    RowOp.SOFTMAX: _softmax,
    RowOp.LOG_SOFTMAX: _log_softmax,
    RowOp.LAYER_NORM: _layer_norm,
    RowOp.RMS_NORM: _rms_norm,
}
