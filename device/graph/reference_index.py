"""Gather, scatter-add and one-hot: from a node to device.indexing, which is their definition."""

from __future__ import annotations

from device.arrays import Array
from device.errors import GraphError
from device.graph.ir import Graph, Node
from device.graph.node_work import index_extents
from device.indexing import IndexRangeError, run_indexed
from device.recipe.tpc_ops import parse_index

__all__ = ["run_index"]


def run_index(graph: Graph, node: Node, operands: list[Array]) -> Array:
    """Data, if the operation has any, then the indices. GraphError for an index that is out of range."""
    parsed = parse_index(node.guid)
    assert parsed is not None, "the caller has looked"
    op, dtype = parsed
    *data, indices = operands
    extents = index_extents(graph, node, op)
    try:
        flat = run_indexed(op, dtype, data[0] if data else None, indices, extents)
    except IndexRangeError as error:
        raise GraphError(f"node {node.name} ({node.guid}): {error}") from error
    return flat.reshape(graph.tensor(node.outputs[0]).shape[::-1])
