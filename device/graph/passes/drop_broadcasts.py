"""Broadcasts that their readers do themselves."""

from __future__ import annotations

from dataclasses import replace

from device.errors import GraphError
from device.graph.ir import Graph, Node
from device.graph.ops import BATCH_GEMM, BROADCAST, infer_output_dims
from device.graph.program import program_of

__all__ = ["drop_broadcasts"]


def drop_broadcasts(graph: Graph) -> Graph:
    """Let elementwise operations and the B of a batch_gemm read what a broadcast repeats instead of the copies.

    before: row -> broadcast -> z; x, z -> add; w -> broadcast -> b; a, b -> batch_gemm
    after:  x, row -> add; a, w -> batch_gemm

    Where the result keeps its dimensions: one operand at least has to be whole. A broadcast that nobody reads any more
    goes too, slices of bundles stay as they are. Needs inferred dimensions. Keeps every value bit for bit.
    """
    nodes = tuple(_narrowed(graph, node) for node in graph.nodes)
    return graph if nodes == graph.nodes else graph.with_nodes(_read_nodes(graph, nodes))


def _narrowed(graph: Graph, node: Node) -> Node:
    if node.bundle is not None or (program_of(node) is None and node.guid != BATCH_GEMM):
        return node
    for name in node.inputs:
        maker = graph.producer(name)
        if maker is None or maker.guid != BROADCAST:
            continue
        narrow = replace(node, inputs=tuple(maker.inputs[0] if each == name else each for each in node.inputs))
        if _is_equal(graph, narrow):
            node = narrow
    return node


def _is_equal(graph: Graph, node: Node) -> bool:
    """Whether the node is legal and its result has the dimensions that it has now."""
    output = graph.tensor(node.outputs[0])
    try:
        return infer_output_dims(node, tuple(graph.tensor(name) for name in node.inputs), output) == output.shape
    except GraphError:
        return False


def _read_nodes(graph: Graph, nodes: tuple[Node, ...]) -> list[Node]:
    """Without broadcasts that nobody reads any more."""
    read = {name for node in nodes for name in node.inputs}
    return [
        node
        for node in nodes
        if node.guid != BROADCAST or node.outputs[0] in read or graph.tensor(node.outputs[0]).is_persistent
    ]
