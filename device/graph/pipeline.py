"""The passes, in the order in which they run, with the reason for the place of each."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from device.errors import GraphError
from device.graph.ir import Graph
from device.graph.passes import (
    alias_logical_nodes,
    drop_broadcasts,
    eliminate_dead_nodes,
    fold_constants,
    fold_transposes,
    fuse_elementwise,
    fuse_gemm_epilogue,
    merge_common_nodes,
    plan_memory,
    plan_sram,
    schedule,
    select_mme_geometry,
    simplify_casts_and_layout,
    slice_bundles,
    verify_and_infer,
)
from device.graph.verifier import verify
from device.spec import AsicSpec

__all__ = ["OPTIONAL_PASSES", "PIPELINE", "PassEntry", "run_pipeline"]

Pass = Callable[[Graph, AsicSpec], Graph]
Observer = Callable[[str, Graph], None]


@dataclass(frozen=True, slots=True)
class PassEntry:
    name: str
    run: Pass
    is_optional: bool
    reason: str


def _without_spec(graph_pass: Callable[[Graph], Graph]) -> Pass:
    return lambda graph, spec: graph_pass(graph)


PIPELINE: tuple[PassEntry, ...] = (
    PassEntry("verify_and_infer", _without_spec(verify_and_infer), False, "all others rely on a legal graph with dims"),
    PassEntry(
        "simplify_casts_and_layout",
        _without_spec(simplify_casts_and_layout),
        True,
        "first of all: it brings transposes to the gemms that can do them, and shows what is alike",
    ),
    PassEntry("fold_transposes", _without_spec(fold_transposes), True, "early: it leaves dead nodes behind"),
    PassEntry(
        "fold_constants", _without_spec(fold_constants), True, "before common nodes: it makes more of them alike"
    ),
    PassEntry(
        "merge_common_nodes", _without_spec(merge_common_nodes), True, "before fusion, which needs single readers"
    ),
    PassEntry("eliminate_dead_nodes", _without_spec(eliminate_dead_nodes), True, "early: less for everybody after it"),
    PassEntry(
        "fuse_gemm_epilogue", _without_spec(fuse_gemm_epilogue), True, "before costs: it changes what nodes cost"
    ),
    PassEntry("fuse_elementwise", _without_spec(fuse_elementwise), True, "after gemms took what their epilogue can do"),
    PassEntry(
        "drop_broadcasts",
        _without_spec(drop_broadcasts),
        True,
        "after fusion, which gives small operands whole neighbours",
    ),
    PassEntry("select_mme_geometry", select_mme_geometry, False, "the schedule needs the cycles of each gemm"),
    PassEntry("schedule", schedule, False, "lifetimes of tensors follow from the order of the nodes"),
    PassEntry("slice_bundles", slice_bundles, True, "after the schedule of whole nodes: it orders the slices itself"),
    PassEntry("select_geometry_of_slices", select_mme_geometry, False, "a slice is another shape than the whole"),
    PassEntry("alias_logical_nodes", _without_spec(alias_logical_nodes), True, "before memory: a view needs none"),
    PassEntry("plan_sram", plan_sram, False, "before memory: what does not fit goes to the workspace"),
    PassEntry("plan_memory", _without_spec(plan_memory), False, "last: nothing may move a node after it"),
)

OPTIONAL_PASSES = frozenset(entry.name for entry in PIPELINE if entry.is_optional)


def run_pipeline(
    graph: Graph,
    spec: AsicSpec,
    skip: Collection[str] = (),
    observer: Observer | None = None,
    verify_each: bool = False,
) -> Graph:
    """Run all passes but those in `skip`, which have to be optional ones.

    `observer` sees the name of each pass and the graph after it (Graph.dump prints one). With `verify_each` the
    verifier runs after every pass, and an illegal graph is blamed on the pass that made it.
    """
    required = sorted(set(skip) - OPTIONAL_PASSES)
    if required:
        raise GraphError(f"pass {required[0]} cannot be skipped; optional are {', '.join(sorted(OPTIONAL_PASSES))}")
    for entry in PIPELINE:
        if entry.name in skip:
            continue
        graph = entry.run(graph, spec)
        if verify_each:
            _verify_after(entry, graph)
        if observer is not None:
            observer(entry.name, graph)
    return graph


def _verify_after(entry: PassEntry, graph: Graph) -> None:
    try:
        verify(graph)
    except GraphError as error:
        raise GraphError(f"after pass {entry.name}: {error}") from error
