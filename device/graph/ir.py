"""The graph: tensors, nodes, and who produces and consumes what. Frozen; a pass makes a new one.

Names follow synapse: dims[0] is the fast changing dimension (FCD), a persistent tensor is one that the caller places,
every other one lives in the workspace of a launch. A gemm's A[m, k] therefore has the dims (k, m).
"""

from __future__ import annotations

import functools
import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from device.dtypes import DataType
from device.errors import GraphError
from device.graph.params import Params
from device.recipe.descriptors import Place

__all__ = ["Graph", "Node", "Tensor"]


@dataclass(frozen=True, slots=True)
class Tensor:
    """`dims` is None until inference; `workspace_offset` is None until the memory plan, and for persistent ones.

    With `view_of` it lies within another tensor, `view_offset` bytes behind its start, and has no bytes of its own.
    With `pitch` its rows begin so many elements apart: an MME can read it, a copy can write it. `place` is the memory
    that its accesses go to; in the SRAM the offset counts from the start of the graph's part of it.
    """

    name: str
    dtype: DataType
    dims: tuple[int, ...] | None
    is_persistent: bool
    workspace_offset: int | None = None
    view_of: str | None = None
    view_offset: int = 0
    pitch: int | None = None
    place: Place = Place.HBM

    @property
    def shape(self) -> tuple[int, ...]:
        """Dimensions after inference."""
        if self.dims is None:
            raise GraphError(f"tensor {self.name} has no dimensions yet; verify_and_infer gives them")
        return self.dims

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        return self.count * self.dtype.size_bytes

    def __str__(self) -> str:
        dims = "?" if self.dims is None else "x".join(str(dim) for dim in self.dims)
        return f"{self.name}:{self.dtype}[{dims}]"


@dataclass(frozen=True, slots=True)
class Node:
    """One operation; inputs and outputs are names of tensors."""

    name: str
    guid: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: Params | None = None
    bundle: str | None = None
    """Of a slice: the node whose bundle it belongs to. Slices keep the order in which they were made."""

    def __str__(self) -> str:
        detail = "" if self.params is None else str(self.params)
        marks = f" [{detail}]" if detail else ""
        return f"{self.name} = {self.guid}({', '.join(self.inputs)}) -> {', '.join(self.outputs)}{marks}"


@dataclass(frozen=True)
class Graph:
    """Nodes are in any order until `schedule`; each tensor has at most one producer."""

    name: str
    tensors: tuple[Tensor, ...]
    nodes: tuple[Node, ...]

    @functools.cached_property
    def tensor_by_name(self) -> Mapping[str, Tensor]:
        return {tensor.name: tensor for tensor in self.tensors}

    @functools.cached_property
    def _producers(self) -> Mapping[str, Node]:
        return {name: node for node in self.nodes for name in node.outputs}

    @functools.cached_property
    def _consumers(self) -> Mapping[str, tuple[Node, ...]]:
        consumers: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                consumers.setdefault(name, []).append(node)
        return {name: tuple(nodes) for name, nodes in consumers.items()}

    def tensor(self, name: str) -> Tensor:
        """GraphError for a name that the graph does not have."""
        tensor = self.tensor_by_name.get(name)
        if tensor is None:
            raise GraphError(f"graph {self.name} has no tensor {name}")
        return tensor

    def producer(self, name: str) -> Node | None:
        return self._producers.get(name)

    def consumers(self, name: str) -> tuple[Node, ...]:
        """Each node once, however often it reads the tensor."""
        return self._consumers.get(name, ())

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Persistent tensors that no node writes: arguments and weights."""
        return tuple(tensor for tensor in self.tensors if tensor.is_persistent and self.producer(tensor.name) is None)

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return tuple(tensor for tensor in self.tensors if tensor.is_persistent and self.producer(tensor.name))

    def root(self, name: str) -> tuple[Tensor, int]:
        """The tensor whose memory holds this one, and how many bytes behind its start; itself and 0 without a view."""
        tensor, offset = self.tensor(name), 0
        while tensor.view_of is not None:
            offset += tensor.view_offset
            tensor = self.tensor(tensor.view_of)
        return tensor, offset

    def place(self, name: str) -> Place:
        """Which memory an access by this name goes to: its own place, or that of what it lies in."""
        tensor = self.tensor(name)
        while tensor.place is Place.HBM and tensor.view_of is not None:
            tensor = self.tensor(tensor.view_of)
        return tensor.place

    def with_nodes(self, nodes: Iterable[Node]) -> Graph:
        """The same graph with other nodes; workspace tensors that none of them touches are dropped."""
        kept = tuple(nodes)
        touched = {name for node in kept for name in (*node.inputs, *node.outputs)}
        tensors = tuple(tensor for tensor in self.tensors if tensor.is_persistent or tensor.name in touched)
        return Graph(self.name, tensors, kept)

    def with_tensors(self, changed: Mapping[str, Tensor]) -> Graph:
        """The same graph with tensors of the same names replaced."""
        return replace(self, tensors=tuple(changed.get(tensor.name, tensor) for tensor in self.tensors))

    def in_dependency_order(self, priority: Mapping[str, float] | None = None) -> tuple[Node, ...]:
        """Producers before consumers; among nodes that are ready the one of highest priority, then the earlier one.

        GraphError names a node on a cycle.
        """
        urgency = priority or {}
        missing = {node.name: self._unproduced(node) for node in self.nodes}
        position = {node.name: index for index, node in enumerate(self.nodes)}
        ready = [(-urgency.get(name, 0.0), position[name]) for name, count in missing.items() if count == 0]
        heapq.heapify(ready)
        ordered: list[Node] = []
        while ready:
            _, index = heapq.heappop(ready)
            node = self.nodes[index]
            ordered.append(node)
            for consumer in dict.fromkeys(user for name in node.outputs for user in self.consumers(name)):
                missing[consumer.name] -= sum(name in consumer.inputs for name in node.outputs)
                if missing[consumer.name] == 0:
                    heapq.heappush(ready, (-urgency.get(consumer.name, 0.0), position[consumer.name]))
        if len(ordered) < len(self.nodes):
            stuck = next(node for node in self.nodes if missing[node.name] > 0)
            raise GraphError(f"node {stuck.name} ({stuck.guid}) depends on itself")
        return tuple(ordered)

    def _unproduced(self, node: Node) -> int:
        return sum(name in self._producers for name in dict.fromkeys(node.inputs))

    def dump(self) -> str:
        """The graph as text, one line a tensor and a node."""
        lines = [f"graph {self.name}"]
        for tensor in self.tensors:
            place = "persistent" if tensor.is_persistent else "workspace"
            if tensor.place is not Place.HBM:
                place = tensor.place.value
            offset = "" if tensor.workspace_offset is None else f" +{tensor.workspace_offset}"
            if tensor.view_of is not None:
                pitch = "" if tensor.pitch is None else f" pitch {tensor.pitch}"
                offset = f" in {tensor.view_of} +{tensor.view_offset}{pitch}"
            lines.append(f"  {place}{offset} {tensor}")
        lines.extend(f"  {node}" for node in self.nodes)
        return "\n".join(lines) + "\n"
