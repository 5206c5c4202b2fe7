"""Where in the workspace each tensor lies."""

from __future__ import annotations

from dataclasses import dataclass, replace

from device.graph.ir import Graph, Tensor

__all__ = ["WORKSPACE_GRANULARITY_BYTES", "plan_memory", "workspace_bytes"]

# A cache line of Gaudi 2, and the unit of the workspace sizes in Intel's published recipe format.
WORKSPACE_GRANULARITY_BYTES = 128


@dataclass(frozen=True, slots=True)
class _Block:
    """A range of the workspace that is taken until the node at `last_use` has run."""

    start: int
    end: int
    last_use: int


def plan_memory(graph: Graph) -> Graph:
    """Give every tensor that is not persistent the lowest free place, and free it after its last reader.

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
    taken: list[_Block] = []
    placed: dict[str, Tensor] = {}
    for place, node in enumerate(graph.nodes):
        taken = [block for block in taken if block.last_use >= place]
        tensor, _ = graph.root(node.outputs[0])
        if tensor.is_persistent or tensor.name in placed:
            continue
        size = _rounded(tensor.size_bytes)
        start = _first_gap(taken, size)
        taken.append(_Block(start, start + size, last_use[tensor.name]))
        placed[tensor.name] = replace(tensor, workspace_offset=start)
    return graph.with_tensors(placed) if placed else graph


def workspace_bytes(graph: Graph) -> int:
    """Size of the workspace that the plan needs."""
    planned = [tensor for tensor in graph.tensors if tensor.workspace_offset is not None]
    return max((_rounded(tensor.size_bytes) + (tensor.workspace_offset or 0) for tensor in planned), default=0)


def _first_gap(taken: list[_Block], size: int) -> int:
    start = 0
    for block in sorted(taken, key=lambda block: block.start):
        if block.start - start >= size:
            break
        start = max(start, block.end)
    return start


def _rounded(size_bytes: int) -> int:
    return -(-size_bytes // WORKSPACE_GRANULARITY_BYTES) * WORKSPACE_GRANULARITY_BYTES
