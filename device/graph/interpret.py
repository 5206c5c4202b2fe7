"""Run a graph on the host, node by node, by the definitions of reference.py. The oracle of passes and engines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.arrays import Array, decoded, numpy_type
from device.dtypes import DataType
from device.errors import GraphError
from device.graph.convolution import window_of
from device.graph.ir import Graph, Node, Tensor
from device.graph.moves import MOVES
from device.graph.ops import CONVOLUTIONS, FUSED, GEMM, MME_GUIDS, gemm_params, is_constant
from device.graph.params import ConvolutionParams, FusedParams, GemmParams, NormParams, ReduceParams
from device.graph.reference import ELEMENTWISE, gemm
from device.graph.reference_convolution import convolution
from device.graph.reference_index import run_index
from device.graph.reference_moves import filled, run_constant, run_move
from device.graph.reference_rows import run_columns, run_rows
from device.graph.rules import params_of
from device.recipe.descriptors import ConvolutionOp
from device.recipe.tpc_ops import parse_index, parse_row

__all__ = ["interpret", "numpy_type"]


def interpret(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Values of all persistent outputs; arrays list the slow dimension first.

    `graph` needs inferred dimensions, and may be any of those between passes.
    """
    values: dict[str, Array] = {}
    for tensor in graph.inputs:
        values[tensor.name] = _checked(tensor, inputs)
    for node in graph.in_dependency_order():
        values[node.outputs[0]] = _run(graph, node, [values[name] for name in node.inputs])
    return {tensor.name: values[tensor.name] for tensor in graph.outputs}


def _checked(tensor: Tensor, inputs: Mapping[str, Array]) -> Array:
    value = inputs.get(tensor.name)
    if value is None:
        raise GraphError(f"no value for input {tensor}")
    wanted = tuple(reversed(tensor.shape))
    if value.shape != wanted or value.dtype != numpy_type(tensor.dtype):
        raise GraphError(
            f"input {tensor} needs {numpy_type(tensor.dtype).__name__}{wanted}, got {value.dtype}{value.shape}"
        )
    return value


def _run(graph: Graph, node: Node, operands: list[Array]) -> Array:
    output = graph.tensor(node.outputs[0])
    if node.guid in MME_GUIDS:
        return _run_gemm(graph, node, operands)
    if node.guid in CONVOLUTIONS:
        return _run_convolution(graph, node, operands)
    if node.guid in MOVES:
        return run_move(node, operands)
    if is_constant(node):
        return run_constant(node, output.dtype)
    row = parse_row(node.guid)
    if row is not None:
        if isinstance(node.params, ReduceParams):
            return run_columns(row[0], row[1], operands[0], operands[0].ndim - 1 - node.params.axis)
        epsilon = node.params.epsilon_bits if isinstance(node.params, NormParams) else 0
        return run_rows(row[0], row[1], operands, epsilon)
    if parse_index(node.guid) is not None:
        return run_index(graph, node, operands)
    expanded = [_expanded(operand, output) for operand in operands]
    if node.guid == FUSED:
        return _run_fused(node, expanded, output)
    return ELEMENTWISE[node.guid](*expanded)


def _expanded(operand: Array, output: Tensor) -> Array:
    """With the dimensions of the result; missing ones are slow, as in numpy."""
    return np.ascontiguousarray(np.broadcast_to(operand, output.shape[::-1]))


def _run_fused(node: Node, values: list[Array], output: Tensor) -> Array:
    """Each step by its own definition: fusing changes no bit."""
    params = params_of(node, FusedParams)
    values = values + [filled(constant, output.shape[::-1]) for constant in params.constants]
    for step in params.steps:
        values.append(ELEMENTWISE[step.guid](*[values[source] for source in step.sources]))
    return values[-1]


def _run_gemm(graph: Graph, node: Node, operands: list[Array]) -> Array:
    params = gemm_params(node)
    bias = operands[2].view(np.float32) if len(operands) == 3 else None
    output = graph.tensor(node.outputs[0])
    types = [graph.tensor(name).dtype for name in node.inputs[:2]]
    a, b = (decoded(operand, dtype) for operand, dtype in zip(operands[:2], types, strict=True))
    if node.guid == GEMM:
        return _product(params, a, b, bias, output)
    many = _matrices(a)
    others = np.broadcast_to(b, (len(many), *b.shape)) if b.ndim == 2 else _matrices(b)
    products = [_product(params, one, other, None, output) for one, other in zip(many, others, strict=True)]
    stacked: NDArray[Any] = np.stack(products).reshape(output.shape[::-1])
    return stacked


def _run_convolution(graph: Graph, node: Node, operands: list[Array]) -> Array:
    params, op, output = params_of(node, ConvolutionParams), ConvolutionOp(node.guid), graph.tensor(node.outputs[0])
    inputs = tuple(graph.tensor(name) for name in node.inputs)
    first, second = (1, 0) if op is ConvolutionOp.DEDW else (0, 1)
    bias = operands[2] if len(operands) == 3 else None
    flat = convolution(
        op,
        window_of(node, inputs),
        (operands[first], operands[second]),
        (inputs[first].dtype, inputs[second].dtype),
        bias,
        params.has_relu,
        output.dtype is DataType.BF16,
    )
    return flat.reshape(output.shape[::-1])


def _matrices(batch: Array) -> Array:
    return batch.reshape(-1, *batch.shape[-2:])


def _product(params: GemmParams, a: Array, b: Array, bias: NDArray[np.float32] | None, output: Tensor) -> Array:
    a = a.T if params.transpose_a else a
    b = b.T if params.transpose_b else b
    return gemm(a, b, bias, params.has_relu, output.dtype is DataType.BF16)
