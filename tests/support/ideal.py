"""A graph without rounding: every operation in fp64, by its mathematical meaning. Integers stay whole numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from device.arrays import decoded
from device.dtypes import DataType
from device.graph import Graph, Node
from device.graph.convolution import window_of
from device.graph.node_work import index_extents
from device.graph.ops import CONVOLUTIONS, MME_GUIDS, gemm_params, is_constant
from device.graph.params import ConstantParams, NormParams, ReduceParams
from device.graph.reference_moves import _RUN as MOVE
from device.graph.reference_moves import filled
from device.recipe import Constant, ConvolutionOp, ElementwiseOp, IndexOp, RowOp
from device.recipe.tpc_ops import parse_elementwise, parse_index, parse_row

Array = np.ndarray


def ideal(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """All tensors, arrays as in interpret() but fp64 (and whole numbers for I32)."""
    values = {name: np.asarray(value, np.float64) for name, value in inputs.items()}
    with np.errstate(all="ignore"):
        for node in graph.in_dependency_order():
            operands = [values[name] for name in node.inputs]
            values[node.outputs[0]] = _run(graph, node, operands)
    return values


def _run(graph: Graph, node: Node, operands: list[Array]) -> Array:
    output = graph.tensor(node.outputs[0])
    shape = output.shape[::-1]
    if node.guid in MME_GUIDS:
        return _gemm(node, operands).reshape(shape)
    if node.guid in CONVOLUTIONS:
        return _convolution(graph, node, operands).reshape(shape)
    if node.guid in MOVE:
        return np.array(MOVE[node.guid](node, operands))
    if is_constant(node):
        assert isinstance(node.params, ConstantParams)
        return decoded(filled(Constant(node.params.bits, output.dtype), shape), output.dtype).astype(np.float64)
    row, index = parse_row(node.guid), parse_index(node.guid)
    if row is not None:
        return _rows(row[0], node, operands)
    if index is not None:
        return _index(index[0], index_extents(graph, node, index[0]), operands).reshape(shape)
    parsed = parse_elementwise(node.guid)
    assert parsed is not None
    if parsed[0].cast_target is DataType.I32:
        return np.rint(operands[0])
    return np.broadcast_to(ELEMENTWISE[parsed[0]](*operands), shape).astype(np.float64)


def _gemm(node: Node, operands: list[Array]) -> Array:
    params = gemm_params(node)
    a = operands[0].swapaxes(-1, -2) if params.transpose_a else operands[0]
    b = operands[1].swapaxes(-1, -2) if params.transpose_b else operands[1]
    return a @ b if len(operands) == 2 else a @ b + operands[2]


def _convolution(graph: Graph, node: Node, operands: list[Array]) -> Array:
    """Product by product, as in the definition of a convolution."""
    window = window_of(node, tuple(graph.tensor(name) for name in node.inputs))
    op, height, width = ConvolutionOp(node.guid), window.height, window.width
    x_shape = (window.batch, height.x, width.x, window.channels)
    w_shape = (height.kernel, width.kernel, window.channels, window.filters)
    result = np.zeros(graph.tensor(node.outputs[0]).shape[::-1])
    first, second = operands[0], operands[1]
    assert first.ndim == second.ndim == len(x_shape) == len(w_shape)
    for oy, ox, ky, kx in np.ndindex(height.y, width.y, height.kernel, width.kernel):
        y = oy * height.stride + ky * height.dilation - height.before
        x = ox * width.stride + kx * width.dilation - width.before
        if not (0 <= y < height.x and 0 <= x < width.x):
            continue
        if op is ConvolutionOp.FORWARD:
            result[:, oy, ox] += first[:, y, x] @ second[ky, kx]
        elif op is ConvolutionOp.DEDX:
            result[:, y, x] += first[:, oy, ox] @ second[ky, kx].T
        else:
            result[ky, kx] += second[:, y, x].T @ first[:, oy, ox]
    return result if len(operands) == 2 else result + operands[2]


def _rows(op: RowOp, node: Node, operands: list[Array]) -> Array:
    x = operands[0]
    if isinstance(node.params, ReduceParams):
        axis = x.ndim - 1 - node.params.axis
        reduce = {RowOp.SUM: np.sum, RowOp.MEAN: np.mean, RowOp.MAX: np.max, RowOp.MIN: np.min}[op]
        return reduce(x, axis=axis, keepdims=True)
    if op in (RowOp.SOFTMAX, RowOp.LOG_SOFTMAX):
        logarithms = x - np.log(np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True)) - x.max(-1, keepdims=True)
        return logarithms if op is RowOp.LOG_SOFTMAX else np.exp(logarithms)
    assert isinstance(node.params, NormParams)
    epsilon = np.uint32(node.params.epsilon_bits).view(np.float32)
    centred = x - x.mean(-1, keepdims=True) if op is RowOp.LAYER_NORM else x
    normal = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon) * operands[1]
    return normal + operands[2] if op is RowOp.LAYER_NORM else normal


def _index(op: IndexOp, extents: tuple[int, int, int, int], operands: list[Array]) -> Array:
    outer, size, count, inner = extents
    places = operands[-1].reshape(-1).astype(int)
    if op is IndexOp.ONE_HOT:
        return np.eye(size)[places]
    if op is IndexOp.GATHER:
        return operands[0].reshape(outer, size, inner)[:, places]
    result = np.zeros((outer, size, inner))
    for place, index in enumerate(places):
        result[:, index] += operands[0].reshape(outer, count, inner)[:, place]
    return result


def _gelu(x: Array) -> Array:
    return x / 2 * (1 + np.tanh(np.float64(0.79788456) * (x + 0.044715 * x**3)))


ELEMENTWISE: dict[ElementwiseOp, Callable[..., Array]] = {
    ElementwiseOp.ADD: np.add,
    ElementwiseOp.SUB: np.subtract,
    ElementwiseOp.MUL: np.multiply,
    ElementwiseOp.DIV: np.divide,
    ElementwiseOp.MAX: np.maximum,
    ElementwiseOp.MIN: np.minimum,
    ElementwiseOp.POW: np.power,
    ElementwiseOp.EQUAL: np.equal,
    ElementwiseOp.NOT_EQUAL: np.not_equal,
    ElementwiseOp.LESS: np.less,
    ElementwiseOp.LESS_EQUAL: np.less_equal,
    ElementwiseOp.GREATER: np.greater,
    ElementwiseOp.GREATER_EQUAL: np.greater_equal,
    ElementwiseOp.WHERE: lambda c, a, b: np.where(c != 0, a, b),
    ElementwiseOp.RELU: lambda a: np.maximum(a, 0),
    ElementwiseOp.NEG: np.negative,
    ElementwiseOp.ABS: np.abs,
    ElementwiseOp.SQRT: np.sqrt,
    ElementwiseOp.RSQRT: lambda a: 1 / np.sqrt(a),
    ElementwiseOp.RECIPROCAL: np.reciprocal,
    ElementwiseOp.EXP: np.exp,
    ElementwiseOp.LOG: np.log,
    ElementwiseOp.SIGMOID: lambda a: 1 / (1 + np.exp(-a)),
    ElementwiseOp.TANH: np.tanh,
    ElementwiseOp.GELU: _gelu,
    **{op: lambda a: a for op in ElementwiseOp if op.cast_target is not None},
}
