"""Between passes: is the graph still legal, do views lie within their tensors, who lives together and shares bytes.

What one pass breaks would otherwise surface as a wrong number in a result. GraphError names the tensors.
"""

from __future__ import annotations

from device.errors import GraphError
from device.graph.ir import Graph, Tensor
from device.graph.passes.verify_and_infer import verify_and_infer
from device.recipe.descriptors import Place

__all__ = ["verify"]


def verify(graph: Graph) -> None:
    """Everything that can be said of the graph as far as it has come: places count only once they are given."""
    if verify_and_infer(graph) != graph:
        raise GraphError("a tensor has no dimensions")
    for tensor in graph.tensors:
        _check_view(graph, tensor)
    _check_order_of_bundles(graph)
    _check_places(graph)


def _check_view(graph: Graph, tensor: Tensor) -> None:
    if tensor.view_of is None:
        return
    if tensor.is_persistent or tensor.workspace_offset is not None:
        raise GraphError(f"tensor {tensor} lies in {tensor.view_of} and has a place of its own")
    outer = graph.tensor(tensor.view_of)
    end = tensor.view_offset + _extent_bytes(tensor)
    if end > outer.size_bytes:
        raise GraphError(f"tensor {tensor} reaches byte {end} of {outer}, which has {outer.size_bytes}")


def _extent_bytes(tensor: Tensor) -> int:
    """From the first byte to the last one."""
    if tensor.pitch is None:
        return tensor.size_bytes
    width = tensor.shape[0]
    rows = tensor.count // width
    return ((rows - 1) * tensor.pitch + width) * tensor.dtype.size_bytes


def _check_order_of_bundles(graph: Graph) -> None:
    """Once there are bundles the nodes are in order."""
    if all(node.bundle is None for node in graph.nodes):
        return
    made = {tensor.name for tensor in graph.inputs}
    for node in graph.nodes:
        missing = [name for name in node.inputs if name not in made]
        if missing:
            raise GraphError(f"node {node.name} comes before tensor {missing[0]} is made")
        made.update(node.outputs)


def _check_places(graph: Graph) -> None:
    """Every tensor that has a place, against those that live with it in the same memory."""
    lives: dict[str, tuple[int, int]] = {}
    for place, node in enumerate(graph.nodes):
        for name in (*node.outputs, *node.inputs):
            root = graph.root(name)[0].name
            lives[root] = (lives.get(root, (place, place))[0], place)
    for memory in (True, False):
        placed = [
            tensor
            for tensor in graph.tensors
            if tensor.workspace_offset is not None and tensor.name in lives and (tensor.place is Place.SRAM) is memory
        ]
        _check_apart(placed, lives)


def _check_apart(placed: list[Tensor], lives: dict[str, tuple[int, int]]) -> None:
    """In the order of their first use; only those that still live are compared."""
    alive: list[Tensor] = []
    for tensor in sorted(placed, key=lambda tensor: lives[tensor.name]):
        first = lives[tensor.name][0]
        alive = [other for other in alive if lives[other.name][1] >= first]
        start = tensor.workspace_offset or 0
        for other in alive:
            other_start = other.workspace_offset or 0
            if start < other_start + other.size_bytes and other_start < start + tensor.size_bytes:
                raise GraphError(f"tensors {other} and {tensor} live at a time and share bytes")
        alive.append(tensor)
