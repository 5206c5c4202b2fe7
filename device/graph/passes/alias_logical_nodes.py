"""Reshapes, slices and concatenations that cost nothing."""

from __future__ import annotations

from dataclasses import replace

from device.graph.ir import Graph, Node, Tensor
from device.graph.moves import View, is_view, views_of
from device.graph.ops import CONCAT, GEMM, LOGICAL, MEMCPY, SLICE

__all__ = ["alias_logical_nodes"]


def alias_logical_nodes(graph: Graph) -> Graph:
    """Let one tensor of a logical node lie within the other, so that no engine has to move anything.

    before: x -> reshape -> y -> relu; a, b -> concat -> c      after: y in x +0; a in c +0, b in c +256

    A tensor that is persistent, or lies in another one already, stays where it is; what cannot be a view is copied. A
    window of a matrix (its rows do not follow each other) is a view only if gemms alone read it, or if a copy
    alone writes it. Needs inferred dimensions and scheduled nodes. Keeps every value bit for bit: each tensor has one
    writer, so nobody changes what lies in a view.
    """
    aliases = _Aliases(graph)
    for node in graph.nodes:
        if node.guid in LOGICAL and not is_view(graph, node):
            aliases.look_at(node)
    return graph.with_tensors(aliases.changed) if aliases.changed else graph


class _Aliases:
    """`changed` are the tensors that have become views."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.changed: dict[str, Tensor] = {}

    def look_at(self, node: Node) -> None:
        output, views = node.outputs[0], views_of(self._graph, node)
        if node.guid == CONCAT:
            if all(self._is_usable(name, view) for name, view in zip(node.inputs, views, strict=True)):
                for name, view in zip(node.inputs, views, strict=True):
                    self._place(name, output, view)
        elif self._is_usable(output, views[0]):
            is_placed = self._place(output, node.inputs[0], views[0])
            if not is_placed and node.guid != SLICE:
                self._place(node.inputs[0], output, View(0, None))

    def _is_usable(self, inner: str, view: View | None) -> bool:
        """Whether those who touch the inner tensor can reach it there."""
        if view is None or view.pitch is None:
            return view is not None
        producer = self._graph.producer(inner)
        if producer is not None and producer.guid == MEMCPY:
            return all(reader.guid == CONCAT for reader in self._graph.consumers(inner))
        if producer is None or producer.guid != SLICE:
            return False
        return all(reader.guid == GEMM for reader in self._graph.consumers(inner))

    def _place(self, inner: str, outer: str, view: View | None) -> bool:
        """`inner` within `outer`; False where that is impossible."""
        tensor = self._tensor(inner)
        if view is None or tensor.is_persistent or tensor.view_of is not None or self._root(outer) == inner:
            return False
        self.changed[inner] = replace(tensor, view_of=outer, view_offset=view.offset_bytes, pitch=view.pitch)
        return True

    def _tensor(self, name: str) -> Tensor:
        return self.changed.get(name) or self._graph.tensor(name)

    def _root(self, name: str) -> str:
        while (outer := self._tensor(name).view_of) is not None:
            name = outer
        return name
