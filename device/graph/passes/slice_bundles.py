"""Slices, so that several engines work on one chain of operations at a time."""

from __future__ import annotations

from device.graph.bundles import SEED_GUIDS, BundlePlan, find_bundles, plan_bundle, sliced
from device.graph.ir import Graph
from device.spec import AsicSpec

__all__ = ["choose_plans", "slice_bundles"]


def slice_bundles(graph: Graph, spec: AsicSpec) -> Graph:
    """Cut a multiplication and its neighbours into slices where the estimated time is shorter than one after the other.

    before: x[512x8192], w -> gemm -> t -> gelu -> y[4096x8192]
    after:  x -> slice -> x@0 .. x@7; x@i, w -> gemm -> t@i (SRAM) -> gelu -> y@i; y@0 .. y@7 -> concat -> y

    While the TPC works on slice i the MME works on slice i + 1, and what passes between them never leaves the chip: it
    lies in two buffers of the SRAM by turns (plan_sram), or hits the cache on chips that have one. A slice keeps the
    whole common dimension. Needs a scheduled graph; the nodes of a bundle keep their order in later runs. Keeps every
    value bit for bit: each element of a result comes about by the same operations in the same order.
    """
    for plan in choose_plans(graph, spec):
        graph = sliced(graph, plan, spec)
    return graph


def choose_plans(graph: Graph, spec: AsicSpec) -> list[BundlePlan]:
    """Disjoint bundles that are faster in slices, in the order of the schedule."""
    taken: set[str] = set()
    chosen: list[BundlePlan] = []
    for seed in graph.nodes:
        if seed.guid not in SEED_GUIDS or seed.bundle is not None or seed.name in taken:
            continue
        plans = [plan_bundle(graph, bundle, spec) for bundle in find_bundles(graph, seed, taken)]
        best = min((plan for plan in plans if plan is not None), key=lambda plan: plan.seconds, default=None)
        if best is not None:
            taken.update(node.name for node in best.bundle.nodes)
            chosen.append(best)
    return chosen
