"""Run a graph on the host, node by node, by the definitions of reference.py. The oracle of passes and engines."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from device.dtypes import DataType
from device.errors import GraphError
from device.graph.ir import Graph, Node, Tensor
from device.graph.ops import GEMM, MEMCPY, gemm_params
from device.graph.reference import ELEMENTWISE, Array, gemm

__all__ = ["interpret", "numpy_type"]


def numpy_type(dtype: DataType) -> type[np.float32] | type[np.uint16]:
    """How a tensor lies in an array: BF16 as its bits."""
    return np.uint16 if dtype is DataType.BF16 else np.float32


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
    if node.guid == GEMM:
        return _run_gemm(graph, node, operands)
    if node.guid == MEMCPY:
        return operands[0].copy()
    return ELEMENTWISE[node.guid](*operands)


def _run_gemm(graph: Graph, node: Node, operands: list[Array]) -> Array:
    params = gemm_params(node)
    a = operands[0].T if params.transpose_a else operands[0]
    b = operands[1].T if params.transpose_b else operands[1]
    bias = operands[2].view(np.float32) if len(operands) == 3 else None
    output_bf16 = graph.tensor(node.outputs[0]).dtype is DataType.BF16
    return gemm(a.astype(np.uint16), b.astype(np.uint16), bias, params.has_relu, output_bf16)
