"""Casts, transposes and reshapes that undo each other."""

from __future__ import annotations

from dataclasses import replace

from device.graph.ir import Graph, Node
from device.graph.ops import MME_GUIDS, RESHAPE, TRANSPOSE
from device.graph.params import TransposeParams
from device.graph.rules import params_of
from device.recipe.tpc_ops import parse_elementwise, parse_row

__all__ = ["simplify_casts_and_layout"]

_NARROW, _WIDEN = "cast_f32_to_bf16", "cast_bf16_to_f32"


def simplify_casts_and_layout(graph: Graph) -> Graph:
    """Let everybody read what a chain of casts or of changes of layout began with, where that is the same.

    before: a -> exp_fwd_bf16 -> b -> cast to f32 -> cast to bf16 -> c; x -> transpose(1 0) -> transpose(1 0) -> y
    after:  readers of c read b, readers of y read x

    A cast to fp32 and back is only left out behind an operation, whose results have neither bf16 denormals nor odd
    NaNs: the casts would change those. What nobody reads any more stays for eliminate_dead_nodes; persistent results
    and slices of bundles stay as they are. Needs inferred dimensions. Keeps every value bit for bit.
    """
    simplifier = _Simplifier(graph)
    nodes = {node.name: simplifier.simplified(node) for node in graph.in_dependency_order()}
    changed = tuple(nodes[node.name] for node in graph.nodes)
    return graph if changed == graph.nodes else replace(graph, nodes=changed)


class _Simplifier:
    """Fed with nodes in the order of their dependencies."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._makers: dict[str, Node] = {}
        self._instead: dict[str, str] = {}

    def simplified(self, node: Node) -> Node:
        if node.bundle is not None:
            return node
        node = replace(node, inputs=tuple(self._instead.get(name, name) for name in node.inputs))
        node = self._joined(node)
        source = self._same_as(node)
        output = node.outputs[0]
        self._makers[output] = node
        if source is not None and not self._graph.tensor(output).is_persistent:
            self._instead[output] = source
        return node

    def _joined(self, node: Node) -> Node:
        """Two transposes as one, two reshapes as the last one."""
        maker = self._makers.get(node.inputs[0]) if node.inputs else None
        if maker is None or maker.guid != node.guid or node.guid not in (TRANSPOSE, RESHAPE):
            return node
        if node.guid == RESHAPE:
            return replace(node, inputs=maker.inputs)
        first, second = (params_of(each, TransposeParams).permutation for each in (maker, node))
        both = TransposeParams(tuple(first[dim] for dim in second))
        return replace(node, inputs=maker.inputs, params=both)

    def _same_as(self, node: Node) -> str | None:
        """The tensor that the result of a node equals bit for bit, if it is not the node's own doing."""
        source = node.inputs[0] if node.inputs else ""
        if node.guid == TRANSPOSE:
            permutation = params_of(node, TransposeParams).permutation
            return source if permutation == tuple(range(len(permutation))) else None
        if node.guid == RESHAPE:
            is_same = self._graph.tensor(source).shape == self._graph.tensor(node.outputs[0]).shape
            return source if is_same else None
        widening = self._makers.get(source)
        if node.guid != _NARROW or widening is None or widening.guid != _WIDEN:
            return None
        return widening.inputs[0] if self._is_result(widening.inputs[0]) else None

    def _is_result(self, name: str) -> bool:
        """Of an operation that rounds, and not of a move or from outside."""
        maker = self._makers.get(name)
        if maker is None:
            return False
        is_tpc = parse_elementwise(maker.guid) is not None or parse_row(maker.guid) is not None
        return is_tpc or maker.guid in MME_GUIDS
