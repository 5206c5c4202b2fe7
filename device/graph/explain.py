"""Why a graph takes the time that it takes: what each pass did, and the time line of the launch. Text for people."""

from __future__ import annotations

from device.cost import GemmShape, plan_geometry
from device.engine_class import EngineClass
from device.graph.compiler import compile_graph
from device.graph.ir import Graph
from device.recipe.descriptors import Descriptor, MmeGemm
from device.recipe.launch import LaunchCost, Span, launch_cost
from device.spec import AsicSpec, MmeType

__all__ = ["explain"]


def explain(graph: Graph, spec: AsicSpec, clock_ratio: float = 1.0) -> str:
    """Compiles the graph; the times are device time at the given share of the full SoC clock."""
    lines = [f"graph {graph.name} on {spec.name} at {clock_ratio:.4g} of the full clock", "passes:"]
    lines.append(f"  {'(input)':<24} {len(graph.nodes):>4} nodes")
    recipe = compile_graph(
        graph,
        spec,
        observer=lambda name, after: lines.append(f"  {name:<24} {len(after.nodes):>4} nodes"),
    )
    cost = launch_cost(recipe, spec, clock_ratio)
    lines.append("time line, in microseconds of device time:")
    lines.extend(_line(step, span, spec) for step, span in zip(recipe.in_order, cost.spans, strict=True))
    lines.append(_summary(cost, recipe.workspace_bytes))
    return "\n".join(lines) + "\n"


def _line(step: Descriptor, span: Span, spec: AsicSpec) -> str:
    times = f"{span.start_s * 1e6:>10.2f} {span.end_s * 1e6:>10.2f}"
    detail = _gemm_detail(step, spec) if isinstance(step, MmeGemm) else ""
    return f"  {times}  {span.engine.name:<3}  bound by {span.bound:<6}  {step.node}{detail}"


def _gemm_detail(gemm: MmeGemm, spec: AsicSpec) -> str:
    shape = GemmShape(gemm.m, gemm.n, gemm.k, gemm.batch, gemm.transpose_a, gemm.transpose_b, gemm.is_b_shared)
    plan = plan_geometry(shape, MmeType.BF16, spec.mme.geometry(gemm.geometry), spec.mme)
    steps = f"{plan.fcd_steps} x {plan.sp_steps} steps"
    return f"  {gemm.m}x{gemm.n}x{gemm.k} {gemm.geometry}, {steps}, {plan.utilisation:.1%} of the MACs"


def _summary(cost: LaunchCost, workspace_bytes: int) -> str:
    shares = zip(EngineClass, cost.busy.as_tuple(), strict=True)
    busy = ", ".join(f"{engine.name} {share:.1%}" for engine, share in shares if share > 0.0)
    rate = cost.flops / cost.seconds / 1e12 if cost.seconds > 0.0 else 0.0
    return f"total {cost.seconds * 1e6:.2f} us, {rate:.1f} TFLOP/s, workspace {workspace_bytes} B; busy: {busy}"
