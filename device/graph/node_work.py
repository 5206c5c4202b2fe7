"""What a node asks of its engine: from dimensions and types to the cost model's work."""

from __future__ import annotations

from device.cost import (
    ElementwiseShape,
    GemmShape,
    Work,
    copy_work,
    elementwise_work,
    gemm_work,
    plan_gemm,
    plan_geometry,
)
from device.engine_class import EngineClass
from device.graph.ir import Graph, Node
from device.graph.ops import GEMM, MEMCPY, engine_of, gemm_mnk, gemm_params
from device.recipe.descriptors import ElementwiseOp
from device.spec import AsicSpec, MmeType

__all__ = ["node_work"]


def node_work(graph: Graph, node: Node, spec: AsicSpec) -> Work:
    """Needs inferred dimensions; a gemm without a geometry gets the one that would be chosen for it."""
    if node.guid == GEMM:
        return _gemm_work(graph, node, spec)
    source = graph.tensor(node.inputs[0])
    if node.guid == MEMCPY:
        if engine_of(node, spec) is EngineClass.DMA:
            return copy_work(source.size_bytes, spec)
        return _elementwise_work(ElementwiseOp.COPY, source.size_bytes, source.size_bytes, spec)
    period = graph.tensor(node.inputs[-1]).count
    return _elementwise_work(ElementwiseOp(node.guid), source.count, period, spec)


def _elementwise_work(op: ElementwiseOp, count: int, period: int, spec: AsicSpec) -> Work:
    shape = ElementwiseShape(count, period, op.input_count, op.input_bytes, op.output_bytes, op.flops)
    return elementwise_work(shape, spec)


def _gemm_work(graph: Graph, node: Node, spec: AsicSpec) -> Work:
    params = gemm_params(node)
    tensors = [graph.tensor(name) for name in node.inputs]
    m, n, k = gemm_mnk(node, tensors[0], tensors[1])
    shape = GemmShape(m, n, k, transpose_a=params.transpose_a, transpose_b=params.transpose_b)
    if params.geometry is None:
        plan = plan_gemm(shape, MmeType.BF16, spec.mme)
    else:
        plan = plan_geometry(shape, MmeType.BF16, spec.mme.geometry(params.geometry), spec.mme)
    bias_bytes = tensors[2].size_bytes if len(tensors) == 3 else 0
    return gemm_work(plan, shape, MmeType.BF16, graph.tensor(node.outputs[0]).dtype.size_bytes, bias_bytes)
