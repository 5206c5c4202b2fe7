"""Where in the workspace each tensor lies."""

from __future__ import annotations

from dataclasses import replace

from device.graph.intervals import Intervals
from device.graph.ir import Graph, Tensor
from device.recipe.descriptors import Place

__all__ = ["WORKSPACE_GRANULARITY_BYTES", "plan_memory", "workspace_bytes"]

# A cache line of Gaudi 2, and the unit of the workspace sizes in Intel's published recipe format.
WORKSPACE_GRANULARITY_BYTES = 128


def plan_memory(graph: Graph) -> Graph:
    """Give all other tensors than persistent ones and those in the SRAM the lowest free place, until their last reader.

    before: in -> relu -> x -> relu -> y -> relu -> z -> relu -> out      after: x +0, y +128, z +0 (for 128 bytes each)

    A tensor that lies in another one has no place of its own; the other one lives as long as all that lies in it. Needs
    scheduled nodes and inferred dimensions. A node's output never shares bytes with its inputs, but as a view.
    Keeps every value bit for bit, provided that the sync values cover the reuse (device.graph.sync).
    """
    last_use = {
        graph.root(name)[0].name: place
        for place, node in enumerate(graph.nodes)
        for name in (*node.outputs, *node.inputs)
    }
    taken = Intervals()
    placed: dict[str, Tensor] = {}
    for place, node in enumerate(graph.nodes):
        taken.free_before(place)
        tensor, _ = graph.root(node.outputs[0])
        if tensor.is_persistent or tensor.place is Place.SRAM or tensor.name in placed:
            continue
        size = _rounded(tensor.size_bytes)
        start = taken.lowest_gap(size)
        taken.take(start, size, last_use[tensor.name])
        placed[tensor.name] = replace(tensor, workspace_offset=start)
    return graph.with_tensors(placed) if placed else graph


def workspace_bytes(graph: Graph) -> int:
    """Size of the workspace that the plan needs."""
    planned = [tensor for tensor in graph.tensors if tensor.place is not Place.SRAM and _is_planned(tensor)]
    return max((_rounded(tensor.size_bytes) + (tensor.workspace_offset or 0) for tensor in planned), default=0)


def _is_planned(tensor: Tensor) -> bool:
    return tensor.workspace_offset is not None


def _rounded(size_bytes: int) -> int:
    return -(-size_bytes // WORKSPACE_GRANULARITY_BYTES) * WORKSPACE_GRANULARITY_BYTES
