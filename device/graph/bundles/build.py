"""The slices of a bundle as nodes, in the order of a software pipeline."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from device.graph.bundles.find import SEED_GUIDS
from device.graph.bundles.plan import BundlePlan, is_strided
from device.graph.ir import Graph, Node, Tensor
from device.graph.ops import CONCAT, MEMCPY, RESHAPE, SLICE, engine_of, mme_params
from device.graph.params import ConcatParams, ShapeParams, SliceParams
from device.recipe.descriptors import Place
from device.spec import AsicSpec, SramKind

__all__ = ["sliced"]


def sliced(graph: Graph, plan: BundlePlan, spec: AsicSpec) -> Graph:
    """The graph with the slices in the place of the bundle's last node.

    Slice number i works in step i at the first engine, in step i + 1 at the next one, and so on. The order of the nodes
    is that of the steps, within a step the youngest slice first: so its buffer is another one than that of the slice
    before, which is still being read.
    """
    builder = _Builder(graph, plan, spec)
    slices = builder.nodes()
    members = {node.name for node in plan.bundle.nodes}
    last = plan.bundle.nodes[-1].name
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.name == last:
            nodes.extend(slices)
        elif node.name not in members:
            nodes.append(node)
    return Graph(graph.name, (*graph.tensors, *builder.tensors), ()).with_nodes(nodes)


class _Builder:
    def __init__(self, graph: Graph, plan: BundlePlan, spec: AsicSpec) -> None:
        self._graph, self._plan, self._spec = graph, plan, spec
        self._bundle = plan.bundle
        self._chip = Place.CACHE if spec.sram.kind is SramKind.CACHE else Place.SRAM
        self.tensors: list[Tensor] = []

    def nodes(self) -> list[Node]:
        plan, bundle = self._plan, self._bundle
        before = [node for name in plan.resident for node in self._resident(name)]
        numbered = [self._slice(number) for number in range(plan.slices)]
        depth = max(stage for stage, _ in numbered[0])
        ordered = [
            node
            for step in range(len(numbered) + depth)
            for number in range(min(step, len(numbered) - 1), max(-1, step - depth - 1), -1)
            for stage, node in numbered[number]
            if stage == step - number
        ]
        parts = tuple(self._name(bundle.result, number, is_window=True) for number in range(plan.slices))
        joined = Node(f"{bundle.seed}@join", CONCAT, parts, (bundle.result,), ConcatParams(self._axis(bundle.result)))
        return [replace(node, bundle=bundle.seed) for node in (*before, *ordered, joined)]

    def _axis(self, name: str) -> int:
        return self._bundle.dims[name]

    def _name(self, name: str, number: int, is_window: bool = False) -> str:
        """Of a slice; of the part of a spread result that a copy writes."""
        mark = "w" if is_window and self._is_spread(name) else ""
        return f"{name}@{number}{mark}"

    def _is_spread(self, name: str) -> bool:
        return name == self._bundle.result and is_strided(self._graph, name, self._axis(name))

    def _resident(self, name: str) -> Iterable[Node]:
        """A shared tensor on the chip: a copy of it, or the same bytes by a name that the cache keeps."""
        tensor = self._graph.tensor(name)
        kept = Tensor(self._resident_name(name), tensor.dtype, tensor.shape, is_persistent=False, place=self._chip)
        self.tensors.append(kept)
        is_cache = self._chip is Place.CACHE
        guid, params = (RESHAPE, ShapeParams(tensor.shape)) if is_cache else (MEMCPY, None)
        yield Node(kept.name, guid, (name,), (kept.name,), params)

    def _resident_name(self, name: str) -> str:
        """Several bundles may keep the same tensor."""
        return f"{name}@{self._bundle.seed}"

    def _slice(self, number: int) -> list[tuple[int, Node]]:
        """The nodes of one slice and the stage of the pipeline in which each works."""
        bundle = self._bundle
        made = set(bundle.outputs)
        stages: dict[str, tuple[int, object]] = {}
        found: list[tuple[int, Node]] = []
        for name in bundle.inputs:
            node, place = self._cut(name, number)
            is_copy = not place
            found.append((0, node))
            stages[node.outputs[0]] = (0, engine_of(node, self._spec) if is_copy else None)
        for node in bundle.nodes:
            result = node.outputs[0]
            is_inner = result != bundle.result or self._is_spread(result)
            is_on_chip = is_inner and self._plan.is_on_chip
            self._add(result, self._name(result, number), number, self._chip if is_on_chip else Place.HBM)
            part = self._part(node, number, made)
            engine = engine_of(part, self._spec)
            stage = max((self._next_stage(stages[name], engine) for name in part.inputs if name in stages), default=0)
            stages[part.outputs[0]] = (stage, engine)
            found.append((stage, part))
        if self._is_spread(bundle.result):
            source, target = self._name(bundle.result, number), self._name(bundle.result, number, is_window=True)
            self._add(bundle.result, target, number, Place.HBM)
            copy = Node(target, MEMCPY, (source,), (target,))
            found.append((self._next_stage(stages[source], engine_of(copy, self._spec)), copy))
        return found

    @staticmethod
    def _next_stage(before: tuple[int, object], engine: object) -> int:
        stage, maker = before
        return stage if maker is None or maker == engine else stage + 1

    def _cut(self, name: str, number: int) -> tuple[Node, bool]:
        """A slice of what comes from outside, and whether nothing has to be moved for it."""
        dim, tensor = self._axis(name), self._graph.tensor(name)
        start = number * self._plan.slice_extent
        starts = tuple(start if each == dim else 0 for each in range(len(tensor.shape)))
        ends = tuple(
            start + self._plan.extent_of(number) if each == dim else size for each, size in enumerate(tensor.shape)
        )
        own = f"{name}@{self._bundle.seed}@{number}"
        readers = [node for node in self._bundle.nodes if name in node.inputs]
        is_view = not is_strided(self._graph, name, dim) or all(node.guid in SEED_GUIDS for node in readers)
        is_on_chip = self._plan.is_on_chip and not is_view
        self._add(name, own, number, self._chip if is_on_chip else Place.HBM)
        return Node(own, SLICE, (name,), (own,), SliceParams(starts, ends)), is_view

    def _part(self, node: Node, number: int, made: set[str]) -> Node:
        inputs = tuple(self._input(name, number, made) for name in node.inputs)
        result = self._name(node.outputs[0], number)
        mme = mme_params(node)
        params = node.params if mme is None else replace(mme, geometry=None)
        return replace(node, name=f"{node.name}@{number}", inputs=inputs, outputs=(result,), params=params)

    def _input(self, name: str, number: int, made: set[str]) -> str:
        if name in made:
            return self._name(name, number)
        if name in self._bundle.dims:
            return f"{name}@{self._bundle.seed}@{number}"
        is_kept = name in self._plan.resident and number >= self._plan.first_resident
        return self._resident_name(name) if is_kept else name

    def _add(self, name: str, own: str, number: int, place: Place) -> None:
        tensor, dim = self._graph.tensor(name), self._axis(name)
        dims = (*tensor.shape[:dim], self._plan.extent_of(number), *tensor.shape[dim + 1 :])
        self.tensors.append(Tensor(own, tensor.dtype, dims, is_persistent=False, place=place))
