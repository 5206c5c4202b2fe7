"""Where in the SRAM the tensors of bundles lie."""

from __future__ import annotations

from dataclasses import replace

from device.graph.intervals import Intervals
from device.graph.ir import Graph, Tensor
from device.recipe.descriptors import Place
from device.spec import AsicSpec

__all__ = ["plan_sram", "sram_bytes", "sram_capacity"]

# A cache line of Gaudi 2.
_GRANULARITY_BYTES = 128

# About what two steps of a bundle have: its engines are two slices apart.
_IDLE_NODES = 8


def plan_sram(graph: Graph, spec: AsicSpec) -> Graph:
    """Give every tensor that wants to lie in the SRAM the lowest free place there, and free it after its last reader.

    before: t@0 sram, t@1 sram, t@2 sram      after: t@0 sram +0, t@1 sram +1048576, t@2 sram +0

    That two slices in a row get different places comes from the order of the nodes in a bundle. While there is room, a
    place is left alone for some nodes more, so that who takes it next need not wait for its last reader. What does not
    fit goes to the workspace: slower, not wrong. Needs scheduled nodes, and views if there are to be any. Keeps every
    value bit for bit, provided that the sync values cover the reuse (device.graph.sync).
    """
    changed = _placed(graph, spec, _IDLE_NODES) or _placed(graph, spec, 0) or _placed(graph, spec, 0, spills=True)
    return graph.with_tensors(changed) if changed else graph


def _placed(graph: Graph, spec: AsicSpec, idle_nodes: int, spills: bool = False) -> dict[str, Tensor] | None:
    """The tensors with their places; None if something does not fit and may not spill either."""
    last_use = {name: place for place, node in enumerate(graph.nodes) for name in (*node.outputs, *node.inputs)}
    taken = Intervals()
    changed: dict[str, Tensor] = {}
    for place, node in enumerate(graph.nodes):
        taken.free_before(place)
        tensor = graph.tensor(node.outputs[0])
        if tensor.place is not Place.SRAM:
            continue
        size = _rounded(tensor.size_bytes)
        start = taken.lowest_gap(size)
        if tensor.view_of is not None:  # it lies in something else after all
            changed[tensor.name] = replace(tensor, place=Place.HBM)
        elif start + size <= sram_capacity(spec):
            taken.take(start, size, last_use[tensor.name] + idle_nodes)
            changed[tensor.name] = replace(tensor, workspace_offset=start)
        elif spills:
            changed[tensor.name] = replace(tensor, place=Place.HBM, workspace_offset=None)
        else:
            return None
    return changed


def sram_capacity(spec: AsicSpec) -> int:
    """What a recipe may use: the rest is reserved for the scheduler and the network."""
    return spec.sram.size_bytes - spec.sram.reserved_bytes - spec.bundle.capacity_reserve_bytes


def sram_bytes(graph: Graph) -> int:
    """Size of the part that the plan uses."""
    planned = [tensor for tensor in graph.tensors if tensor.place is Place.SRAM]
    return max(((tensor.workspace_offset or 0) + _rounded(tensor.size_bytes) for tensor in planned), default=0)


def _rounded(size_bytes: int) -> int:
    return -(-size_bytes // _GRANULARITY_BYTES) * _GRANULARITY_BYTES
