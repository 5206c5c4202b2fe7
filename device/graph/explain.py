"""Why a graph or a recipe takes the time that it takes: passes, bundles, SRAM, time line. Text for people; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from device.cost import GemmShape, plan_geometry
from device.engine_class import EngineClass
from device.errors import GraphError
from device.graph.bundles import BundlePlan
from device.graph.compiler import compile_graph
from device.graph.ir import Graph
from device.graph.node_work import multiplied_type
from device.graph.passes.slice_bundles import choose_plans
from device.graph.pipeline import PIPELINE
from device.recipe.descriptors import Descriptor, MmeGemm
from device.recipe.dump import operation_text
from device.recipe.launch import LaunchCost, Span, launch_cost
from device.recipe.recipe import Recipe
from device.recipe.sram_map import render_sram
from device.spec import AsicSpec

__all__ = ["ALL_PASSES", "explain", "explain_recipe"]

ALL_PASSES = "all"
"""Of `dump`: the graph after every pass."""


def explain(
    graph: Graph, spec: AsicSpec, clock_ratio: float = 1.0, dump: str | None = None, skip: Collection[str] = ()
) -> str:
    """Compiles the graph, with the verifier after every pass; times are device time at a share of the full SoC clock.

    `dump` is the name of a pass, or ALL_PASSES: the graph after it is printed too. GraphError for a name that no pass
    has, and for a graph that is not legal.
    """
    names = [entry.name for entry in PIPELINE]
    if dump is not None and dump not in (*names, ALL_PASSES):
        raise GraphError(f"there is no pass {dump!r}; the passes are {', '.join(names)}, or {ALL_PASSES}")
    lines = [f"graph {graph.name} on {spec.name} at {clock_ratio:.4g} of the full clock", "passes:"]
    lines.append(f"  {'(input)':<26} {len(graph.nodes):>4} nodes")
    dumps: list[str] = []
    bundles: list[str] = []

    def observe(name: str, after: Graph) -> None:
        lines.append(f"  {name:<26} {len(after.nodes):>4} nodes")
        if dump in (name, ALL_PASSES):
            dumps.append(f"after {name}: {after.dump()}")
        if name == "schedule" and "slice_bundles" not in skip:
            bundles.extend(_bundle_line(plan) for plan in choose_plans(after, spec))

    recipe = compile_graph(graph, spec, observer=observe, skip=skip, verify_each=True)
    if bundles:
        lines += ["bundles:", *bundles]
    return "".join(dumps) + "\n".join([*lines, *_time_line(recipe, spec, clock_ratio)]) + "\n"


def explain_recipe(recipe: Recipe, spec: AsicSpec, clock_ratio: float = 1.0) -> str:
    """The same for what is compiled already. RecipeError if it is for another ASIC."""
    head = f"recipe {recipe.name} on {spec.name} at {clock_ratio:.4g} of the full clock"
    return "\n".join([head, *_time_line(recipe, spec, clock_ratio)]) + "\n"


def _bundle_line(plan: BundlePlan) -> str:
    bundle = plan.bundle
    nodes = " ".join(node.name for node in bundle.nodes)
    kept = f"; {', '.join(plan.resident)} on the chip from slice {plan.first_resident} on" if plan.resident else ""
    between = "stays on the chip" if plan.is_on_chip else "crosses the HBM"
    times = f"{plan.seconds * 1e6:.1f} us estimated, one after the other {plan.whole_seconds * 1e6:.1f} us"
    cut = f"{plan.slices} slices of {plan.slice_extent} of {bundle.extent}"
    where = f"in dimension {bundle.dims[bundle.result]} of {bundle.result}"
    return f"  {nodes}: {cut} {where}; what passes between {between}{kept}; {times}"


def _time_line(recipe: Recipe, spec: AsicSpec, clock_ratio: float) -> Iterable[str]:
    cost = launch_cost(recipe, spec, clock_ratio)
    yield from render_sram(recipe, cost.spans)
    yield "time line, in microseconds of device time:"
    yield from _steps(recipe.in_order, cost.spans, spec)
    yield _summary(cost, recipe)


def _steps(steps: Sequence[Descriptor], spans: Sequence[Span], spec: AsicSpec) -> Iterable[str]:
    for step, span in zip(steps, spans, strict=True):
        times = f"{span.start_s * 1e6:>10.2f} {span.end_s * 1e6:>10.2f}"
        is_known = isinstance(step, MmeGemm) and step.geometry in {each.name for each in spec.mme.geometries}
        detail = _gemm_detail(step, spec) if is_known and isinstance(step, MmeGemm) else operation_text(step)
        yield f"  {times}  {span.engine.name:<3}  bound by {span.bound:<6}  {step.node}  {detail}"


def _gemm_detail(gemm: MmeGemm, spec: AsicSpec) -> str:
    shape = GemmShape(gemm.m, gemm.n, gemm.k, gemm.batch, gemm.transpose_a, gemm.transpose_b, gemm.is_b_shared)
    kind = multiplied_type(gemm.a_type, gemm.b_type)
    plan = plan_geometry(shape, kind, spec.mme.geometry(gemm.geometry), spec.mme)
    batch = "" if gemm.batch == 1 else f"{gemm.batch} x "
    steps = f"{plan.fcd_steps} x {plan.sp_steps} steps"
    if plan.batch_steps > 1:
        steps += f" for each of {plan.batch_steps} x {plan.concurrency}"
    if plan.cd_concurrency > 1:
        steps += f", common dimension in {plan.cd_concurrency} parts"
    return f"{batch}{gemm.m}x{gemm.n}x{gemm.k} {gemm.geometry}, {steps}, {plan.utilisation:.1%} of the MACs"


def _summary(cost: LaunchCost, recipe: Recipe) -> str:
    shares = zip(EngineClass, cost.busy.as_tuple(), strict=True)
    busy = ", ".join(f"{engine.name} {share:.1%}" for engine, share in shares if share > 0.0)
    rate = cost.flops / cost.seconds / 1e12 if cost.seconds > 0.0 else 0.0
    moved = f"HBM {(cost.hbm_read_bytes + cost.hbm_write_bytes) / 1e6:.1f} MB"
    if cost.sram_bytes:
        moved += f", on the chip {cost.sram_bytes / 1e6:.1f} MB"
    return (
        f"total {cost.seconds * 1e6:.2f} us, {rate:.1f} TFLOPS; busy: {busy}; {moved}; "
        f"workspace {recipe.workspace_bytes} B"
    )
