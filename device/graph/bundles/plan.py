"""How thick the slices of a bundle are, and what stays on the chip: the plan with the least estimated device time.

The estimate is that of a pipeline: the engine with most to do, or the HBM, decides, and the others add the time of one
slice to fill and drain. What a slice costs comes from the same model as the time line of the launch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from device.cost import CopyShape, OperationCost, Work, copy_work, operation_cost
from device.engine_class import EngineClass
from device.graph.bundles.find import SEED_GUIDS, Bundle
from device.graph.ir import Graph, Node, Tensor
from device.graph.node_work import node_work
from device.graph.ops import mme_params
from device.spec import AsicSpec, SramKind

__all__ = ["BundlePlan", "is_strided", "plan_bundle"]

# Slices are whole multiples of these where the dimension is long enough: the sides of the MME's tiles.
_GRAINS = (1, 128, 512, 1024)

# So many slices are tried.
_COUNTS = (4, 6, 8, 12, 16, 24, 32, 48, 64)

# Two of each buffer: one is filled while the other one is read.
_BUFFERS = 2


@dataclass(frozen=True, slots=True)
class BundlePlan:
    """`slice_extent` elements of the cut dimension a slice, fewer in the last one. `is_on_chip`: what passes from node
    to node stays in SRAM or cache. `resident` are shared tensors that come onto the chip for slices from
    `first_resident` on. `seconds` is the estimate, `whole_seconds` that of the nodes one after the other."""

    bundle: Bundle
    slice_extent: int
    is_on_chip: bool
    resident: tuple[str, ...]
    first_resident: int
    seconds: float
    whole_seconds: float

    @property
    def slices(self) -> int:
        return -(-self.bundle.extent // self.slice_extent)

    def extent_of(self, number: int) -> int:
        """Of one slice."""
        return min(self.slice_extent, self.bundle.extent - number * self.slice_extent)


def plan_bundle(graph: Graph, bundle: Bundle, spec: AsicSpec) -> BundlePlan | None:
    """None if nothing beats the nodes one after the other. Of equal plans the one that keeps most on the chip."""
    estimator = _Estimator(graph, bundle, spec)
    best = min(estimator.plans(), key=lambda plan: plan.seconds, default=None)
    return best if best is not None and best.seconds < best.whole_seconds else None


def is_strided(graph: Graph, name: str, dim: int) -> bool:
    """Whether slices along this dimension do not lie in one piece."""
    return math.prod(graph.tensor(name).shape[dim + 1 :]) > 1


@dataclass(slots=True)
class _Slice:
    """Seconds of one slice: of each engine, and of the HBM for all of them."""

    engines: dict[EngineClass, float]
    hbm_s: float

    def add(self, cost: OperationCost) -> None:
        engine = cost.work.engine
        self.engines[engine] = self.engines.get(engine, 0.0) + cost.seconds
        self.hbm_s += cost.hbm_seconds


class _Estimator:
    """Of one bundle."""

    def __init__(self, graph: Graph, bundle: Bundle, spec: AsicSpec) -> None:
        self._graph, self._bundle, self._spec = graph, bundle, spec
        costs = [operation_cost(node_work(graph, node, spec), spec) for node in bundle.nodes]
        self._whole_seconds = sum(cost.seconds for cost in costs)
        self._least_seconds = max(
            sum(cost.engine_seconds for cost in costs if cost.work.engine is engine) for engine in EngineClass
        )
        self._overhead_s = spec.bundle.slice_overhead_cycles / (spec.mme.clock_mhz * 1e6)
        self._shared = self._shared_matrices()
        self._spread = self._spread_tensors()
        self._buffered = [name for name in bundle.outputs if name != bundle.result or name in self._spread]
        sram = spec.sram
        self._capacity = sram.size_bytes - sram.reserved_bytes - spec.bundle.capacity_reserve_bytes

    def plans(self) -> Iterable[BundlePlan]:
        """None at all if even a pipeline without any loss would not be faster."""
        if self._least_seconds + self._spec.bundle.min_slices * self._overhead_s >= self._whole_seconds:
            return
        shared_bytes = sum(self._graph.tensor(name).size_bytes for name in self._shared)
        for extent in self._extents():
            part = self._part(extent)
            works = [node_work(part, node, self._spec) for node in part.nodes]
            buffer_bytes = _BUFFERS * sum(part.tensor(name).size_bytes for name in self._buffered)
            if buffer_bytes <= self._capacity:
                if self._shared and buffer_bytes + shared_bytes <= self._capacity:
                    yield self._plan(extent, part, works, True, self._shared)
                yield self._plan(extent, part, works, True, ())
            else:
                yield self._plan(extent, part, works, False, ())

    def _shared_matrices(self) -> tuple[str, ...]:
        matrices = (name for node in self._bundle.nodes if node.guid in SEED_GUIDS for name in node.inputs[:2])
        return tuple(dict.fromkeys(name for name in matrices if name not in self._bundle.dims))

    def _spread_tensors(self) -> tuple[str, ...]:
        """Strided slices that a copy gathers for the TPC or spreads after it; an MME reads them as they lie."""
        bundle = self._bundle
        by_mme = {name for node in bundle.nodes if node.guid in SEED_GUIDS for name in node.inputs[:2]}
        names = [name for name in (*bundle.inputs, bundle.result) if name not in by_mme or name == bundle.result]
        return tuple(name for name in names if is_strided(self._graph, name, bundle.dims[name]))

    def _extents(self) -> list[int]:
        """Thick slices first."""
        extent, bundle = self._bundle.extent, self._spec.bundle
        sizes = {_rounded(-(-extent // count), grain) for count in _COUNTS for grain in _GRAINS if grain < extent}
        fitting = [size for size in sizes if bundle.min_slices <= -(-extent // size) <= bundle.max_slices]
        return sorted(fitting, reverse=True)

    def _plan(
        self, extent: int, part: Graph, works: list[Work], is_on_chip: bool, resident: tuple[str, ...]
    ) -> BundlePlan:
        bundle = self._bundle
        count = -(-bundle.extent // extent)
        times = bundle.extent / extent
        on_chip = {*self._buffered, *(name for name in self._spread if name in bundle.dims)} if is_on_chip else set()
        plain = self._slice(part, works, on_chip)
        if not resident:
            seconds, first = self._pipeline(plain, times), 0
        else:
            kept = self._slice(part, works, on_chip | set(resident))
            first, copies_s = self._residence(resident, plain, count)
            late = times - first
            engines = {e: plain.engines[e] * first + kept.engines[e] * late for e in plain.engines}
            hbm_s = plain.hbm_s * first + kept.hbm_s * late + self._read_s(resident)
            engines[EngineClass.DMA] = engines.get(EngineClass.DMA, 0.0) + copies_s
            seconds = max(*engines.values(), hbm_s) + _fill_s(plain)
        seconds += count * self._overhead_s
        return BundlePlan(bundle, extent, is_on_chip, resident, first, seconds, self._whole_seconds)

    @staticmethod
    def _pipeline(one: _Slice, times: float) -> float:
        return max(*one.engines.values(), one.hbm_s) * times + _fill_s(one)

    def _read_s(self, names: tuple[str, ...]) -> float:
        """Of the copy onto the chip; the cache keeps what the first slice read."""
        if self._spec.sram.kind is SramKind.CACHE:
            return 0.0
        return sum(self._graph.tensor(name).size_bytes for name in names) / self._spec.hbm.bytes_per_s

    def _residence(self, resident: tuple[str, ...], one: _Slice, count: int) -> tuple[int, float]:
        """From which slice on shared tensors are on the chip, and what it takes to copy them there."""
        if self._spec.sram.kind is SramKind.CACHE:
            return 1, 0.0
        sizes = [self._graph.tensor(name).size_bytes for name in resident]
        copies_s = sum(operation_cost(copy_work(CopyShape(1, n, n), self._spec), self._spec).seconds for n in sizes)
        return min(count - 1, math.ceil(copies_s / one.engines[EngineClass.MME])), copies_s

    def _slice(self, part: Graph, works: list[Work], on_chip: set[str]) -> _Slice:
        found = _Slice({}, 0.0)
        for node, work in zip(self._bundle.nodes, works, strict=True):
            inside = [name for name in dict.fromkeys(node.inputs) if name in on_chip]
            read_bytes = sum(part.tensor(name).size_bytes for name in inside)
            result = part.tensor(node.outputs[0])
            write_bytes = result.size_bytes if result.name in on_chip else 0
            found.add(operation_cost(_moved(work, read_bytes, write_bytes), self._spec))
        for name in self._spread:
            tensor = part.tensor(name)
            copy = self._spread_work(tensor)
            read_bytes, write_bytes = (tensor.size_bytes, 0) if name == self._bundle.result else (0, tensor.size_bytes)
            found.add(operation_cost(_moved(copy, read_bytes, write_bytes) if name in on_chip else copy, self._spec))
        return found

    def _spread_work(self, tensor: Tensor) -> Work:
        runs = math.prod(tensor.shape[self._bundle.dims[tensor.name] + 1 :])
        return copy_work(CopyShape(runs, tensor.size_bytes // runs, tensor.size_bytes), self._spec)

    def _part(self, extent: int) -> Graph:
        """The nodes of one slice: the tensors that are cut are smaller, and gemms choose their geometry anew."""
        bundle = self._bundle
        names = dict.fromkeys(name for node in bundle.nodes for name in (*node.inputs, *node.outputs))
        tensors = []
        for name in names:
            tensor, dim = self._graph.tensor(name), bundle.dims.get(name)
            if dim is not None:
                dims = (*tensor.shape[:dim], extent, *tensor.shape[dim + 1 :])
                tensor = replace(tensor, dims=dims)
            tensors.append(tensor)
        return Graph(bundle.seed, tuple(tensors), tuple(_without_geometry(node) for node in bundle.nodes))


def _fill_s(one: _Slice) -> float:
    """Until the busiest engine has its first slice, and from its last one to the end."""
    return sum(one.engines.values()) - max(one.engines.values())


def _moved(work: Work, read_bytes: int, write_bytes: int) -> Work:
    """With so many bytes on the chip instead of across the HBM."""
    read_left, write_left = max(work.hbm_read_bytes - read_bytes, 0), max(work.hbm_write_bytes - write_bytes, 0)
    chip_bytes = work.sram_bytes + read_bytes + write_bytes
    return Work(work.engine, work.cycles, work.fixed_ns, read_left, write_left, work.flops, chip_bytes)


def _without_geometry(node: Node) -> Node:
    params = mme_params(node)
    return node if params is None else replace(node, params=replace(params, geometry=None))


def _rounded(value: int, grain: int) -> int:
    return -(-value // grain) * grain
