"""The same thing computed twice."""

from __future__ import annotations

from dataclasses import replace

from device.graph.ir import Graph, Node

__all__ = ["merge_common_nodes"]


def merge_common_nodes(graph: Graph) -> Graph:
    """Let everybody read the first of several nodes that do the same with the same tensors.

    before: x -> exp -> a; x -> exp -> b; a, b -> add      after: x -> exp -> a; a, a -> add

    A node whose result is persistent stays, but others may read it; a slice of a bundle stays too, since its buffer is
    its own. Needs inferred dimensions. Keeps every value bit for bit: an operation has no state.
    """
    first: dict[tuple[object, ...], str] = {}
    instead: dict[str, str] = {}
    kept: dict[str, Node] = {}
    for node in graph.in_dependency_order():
        inputs = tuple(instead.get(name, name) for name in node.inputs)
        output = graph.tensor(node.outputs[0])
        key = (node.guid, node.params, inputs, output.dtype)
        if key in first and not output.is_persistent and node.bundle is None:
            instead[output.name] = first[key]
            continue
        first.setdefault(key, output.name)
        kept[node.name] = node if inputs == node.inputs else replace(node, inputs=inputs)
    if not instead:
        return graph
    return graph.with_nodes(kept[node.name] for node in graph.nodes if node.name in kept)
