"""Nodes whose result nobody asks for."""

from __future__ import annotations

from device.graph.ir import Graph

__all__ = ["eliminate_dead_nodes"]


def eliminate_dead_nodes(graph: Graph) -> Graph:
    """Drop nodes that no persistent tensor depends on, and the tensors between them.

    before: a -> relu -> out; a -> add -> unused      after: a -> relu -> out

    Needs a legal graph. Keeps every persistent output bit for bit, all inputs, and the order of the nodes.
    """
    wanted = {tensor.name for tensor in graph.tensors if tensor.is_persistent}
    for node in reversed(graph.in_dependency_order()):
        if wanted.intersection(node.outputs):
            wanted.update(node.inputs)
    return graph.with_nodes(node for node in graph.nodes if wanted.intersection(node.outputs))
