"""The order in which nodes are handed to the engines."""

from __future__ import annotations

from device.cost import operation_cost
from device.graph.ir import Graph
from device.graph.node_work import node_work
from device.graph.ops import LOGICAL
from device.spec import AsicSpec

__all__ = ["schedule"]


def schedule(graph: Graph, spec: AsicSpec) -> Graph:
    """Sort nodes so that producers come first, and among ready nodes the one with most device time still behind it.

    before: out = add(x, y); x = gemm(a, b); y = relu(c)      after: x = gemm(a, b); y = relu(c); out = add(x, y)

    Logical nodes count as nothing, as most of them become views.

    A graph that has been cut into slices was in order before, and the slices are in an order of their own.

    Needs inferred dimensions and geometries. Keeps every value bit for bit.
    """
    if any(node.bundle is not None for node in graph.nodes):
        return graph
    remaining_s: dict[str, float] = {}
    for node in reversed(graph.in_dependency_order()):
        own_s = 0.0 if node.guid in LOGICAL else operation_cost(node_work(graph, node, spec), spec).seconds
        behind_s = [remaining_s[user.name] for name in node.outputs for user in graph.consumers(name)]
        remaining_s[node.name] = own_s + max(behind_s, default=0.0)
    ordered = graph.in_dependency_order(remaining_s)
    return graph if ordered == graph.nodes else graph.with_nodes(ordered)
