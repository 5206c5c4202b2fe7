"""The first pass: is the graph legal, and what dimensions do its tensors have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from device.errors import GraphError
from device.graph.ir import Graph, Node, Tensor
from device.graph.ops import CONCAT, GEMM, MEMCPY, SLICE, infer_output_dims

__all__ = ["verify_and_infer"]


def verify_and_infer(graph: Graph) -> Graph:
    """Give every tensor its dimensions; GraphError for a graph that cannot run.

    before: a[64x32] b[16x64] -> gemm -> c[?]      after: a[64x32] b[16x64] -> gemm -> c[16x32]

    Needs dimensions of all persistent tensors; those of others are inferred, or checked if they are given. Keeps every
    value, and the order of the nodes.
    """
    _check_names(graph)
    _check_persistence(graph)
    _check_windows(graph)
    known = dict(graph.tensor_by_name)
    for node in graph.in_dependency_order():
        inputs = tuple(known[name] for name in node.inputs)
        output = known[node.outputs[0]]
        known[output.name] = _inferred(node, inputs, output)
    return graph if known == graph.tensor_by_name else graph.with_tensors(known)


def _inferred(node: Node, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    dims = infer_output_dims(node, inputs, output)
    if output.dims is not None and output.dims != dims:
        raise GraphError(f"node {node.name} ({node.guid}): output, tensor {output}, has to have the dimensions {dims}")
    return replace(output, dims=dims)


def _check_names(graph: Graph) -> None:
    _refuse_doubles("tensor", (tensor.name for tensor in graph.tensors), graph)
    _refuse_doubles("node", (node.name for node in graph.nodes), graph)
    _refuse_doubles("product of two nodes:", (name for node in graph.nodes for name in node.outputs), graph)
    for node in graph.nodes:
        if len(node.outputs) != 1:
            raise GraphError(f"node {node.name} ({node.guid}) has {len(node.outputs)} outputs, needs 1")
        unknown = [name for name in (*node.inputs, *node.outputs) if name not in graph.tensor_by_name]
        if unknown:
            raise GraphError(f"node {node.name} ({node.guid}) uses tensor {unknown[0]}, which the graph does not have")


def _check_persistence(graph: Graph) -> None:
    if not graph.outputs:
        raise GraphError(f"graph {graph.name} has no output: no persistent tensor is written")
    for tensor in graph.tensors:
        if tensor.is_persistent and tensor.dims is None:
            raise GraphError(f"tensor {tensor} is persistent and needs dimensions")
        readers = graph.consumers(tensor.name)
        if readers and not tensor.is_persistent and graph.producer(tensor.name) is None:
            raise GraphError(f"node {readers[0].name} reads tensor {tensor}, which nobody writes and which is no input")


def _check_windows(graph: Graph) -> None:
    """Rows that do not follow each other: only who knows the pitch may touch them."""
    for tensor in graph.tensors:
        if tensor.pitch is None:
            continue
        producer = graph.producer(tensor.name)
        users = [*graph.consumers(tensor.name), *([producer] if producer else [])]
        unfit = [node for node in users if node.guid not in (GEMM, SLICE, CONCAT, MEMCPY)]
        inner = [other for other in graph.tensors if other.view_of == tensor.name]
        if unfit or inner:
            raise GraphError(
                f"tensor {tensor} has a pitch of {tensor.pitch}, but {unfit[0].name if unfit else inner[0]} "
                "takes its rows to follow each other"
            )


def _refuse_doubles(what: str, names: Iterable[str], graph: Graph) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise GraphError(f"graph {graph.name}: {what} {name} is there {count} times")
