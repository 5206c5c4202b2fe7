"""Reshapes, slices and concatenations that cost nothing."""

from __future__ import annotations

from dataclasses import replace

from device.graph.ir import Graph, Node
from device.graph.moves import is_view, view_offsets
from device.graph.ops import CONCAT, LOGICAL, SLICE

__all__ = ["alias_logical_nodes"]


def alias_logical_nodes(graph: Graph) -> Graph:
    """Let one tensor of a logical node lie within the other, so that no engine has to move anything.

    before: x -> reshape -> y -> relu; a, b -> concat -> c      after: y in x +0; a in c +0, b in c +256

    A tensor that is persistent, or lies in another one already, stays where it is; what cannot be a view is copied.
    Needs inferred dimensions and scheduled nodes. Keeps every value bit for bit: each tensor has one writer, so nobody
    changes what lies in a view.
    """
    for node in graph.nodes:
        if node.guid in LOGICAL and not is_view(graph, node):
            graph = _with_views(graph, node)
    return graph


def _with_views(graph: Graph, node: Node) -> Graph:
    offsets = view_offsets(graph, node)
    if offsets is None:
        return graph
    output = node.outputs[0]
    if node.guid == CONCAT:
        for name, offset in zip(node.inputs, offsets, strict=True):
            graph = _placed(graph, name, output, offset)
        return graph
    viewed = _placed(graph, output, node.inputs[0], offsets[0])
    if viewed is graph and node.guid != SLICE:
        return _placed(graph, node.inputs[0], output, 0)
    return viewed


def _placed(graph: Graph, inner: str, outer: str, offset: int) -> Graph:
    """`inner` within `outer`, or the same graph where that is impossible."""
    tensor = graph.tensor(inner)
    is_free = not tensor.is_persistent and tensor.view_of is None and graph.root(outer)[0].name != inner
    if not is_free:
        return graph
    return graph.with_tensors({inner: replace(tensor, view_of=outer, view_offset=offset)})
