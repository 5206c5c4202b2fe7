"""What a node asks of its engine: from dimensions and types to the cost model's work."""

from __future__ import annotations

import math
from dataclasses import replace

from device.cost import (
    CopyShape,
    ElementwiseShape,
    GemmShape,
    RowShape,
    Work,
    copy_work,
    elementwise_work,
    fill_work,
    gemm_work,
    plan_gemm,
    plan_geometry,
    row_work,
)
from device.engine_class import EngineClass
from device.errors import GraphError
from device.graph.ir import Graph, Node, Tensor
from device.graph.moves import MOVES, Move, is_view, moves_of
from device.graph.ops import FUSED, LOGICAL, MEMSET, MME_GUIDS, gemm_params, is_constant
from device.graph.params import FusedParams
from device.graph.rules import gemm_mnk, params_of
from device.recipe.tpc_ops import ElementwiseOp, RowOp, parse_elementwise, parse_row
from device.spec import AsicSpec, MmeType

__all__ = ["elementwise_steps", "gemm_shape", "move_work", "node_work"]

_NOTHING = Work(EngineClass.TPC, 0, 0, 0, 0, 0)


def node_work(graph: Graph, node: Node, spec: AsicSpec) -> Work:
    """Needs inferred dimensions; a gemm without a geometry gets the one that would be chosen for it.

    A concat that has to be copied counts as the sum of its copies; a logical node that became a view as nothing.
    """
    if node.guid in MME_GUIDS:
        return _gemm_work(graph, node, spec)
    if node.guid in LOGICAL and is_view(graph, node):
        return _NOTHING
    output = graph.tensor(node.outputs[0])
    if node.guid in MOVES:
        return _sum([move_work(move, output.dtype.size_bytes, spec) for move in moves_of(graph, node)])
    if is_constant(node):
        work = fill_work(output.size_bytes, spec)
        return work if node.guid == MEMSET else _on_tpc(output, spec)
    row = parse_row(node.guid)
    if row is not None:
        return _row_work(graph, node, row[0], spec)
    return _elementwise_work(graph, node, spec)


def move_work(move: Move, element_bytes: int, spec: AsicSpec) -> Work:
    runs = math.prod(move.sizes) // move.run
    return copy_work(CopyShape(runs, move.run * element_bytes, move.source_elements * element_bytes), spec)


def elementwise_steps(node: Node) -> tuple[ElementwiseOp, ...]:
    """The operations that one pass of this node consists of."""
    guids = [step.guid for step in params_of(node, FusedParams).steps] if node.guid == FUSED else [node.guid]
    parsed = [parse_elementwise(guid) for guid in guids]
    return tuple(each[0] for each in parsed if each is not None)


def gemm_shape(graph: Graph, node: Node) -> GemmShape:
    params = gemm_params(node)
    a, b = (graph.tensor(name) for name in node.inputs[:2])
    m, n, k = gemm_mnk(node, a, b)
    batch = math.prod(a.shape[2:])
    is_shared = batch > 1 and len(b.shape) == 2
    return GemmShape(m, n, k, batch, params.transpose_a, params.transpose_b, is_b_broadcast=is_shared)


def _sum(works: list[Work]) -> Work:
    total = works[0]
    for work in works[1:]:
        total = replace(
            total,
            cycles=total.cycles + work.cycles,
            fixed_ns=total.fixed_ns + work.fixed_ns,
            hbm_read_bytes=total.hbm_read_bytes + work.hbm_read_bytes,
            hbm_write_bytes=total.hbm_write_bytes + work.hbm_write_bytes,
        )
    return total


def _on_tpc(output: Tensor, spec: AsicSpec) -> Work:
    size = output.dtype.size_bytes
    return elementwise_work(ElementwiseShape(output.count, 0, 0, size, size, 1, 0), spec)


def _elementwise_work(graph: Graph, node: Node, spec: AsicSpec) -> Work:
    tensors = [graph.tensor(name) for name in node.inputs]
    output = graph.tensor(node.outputs[0])
    steps = elementwise_steps(node)
    if not steps:
        raise GraphError(f"node {node.name} ({node.guid}) has no cost")
    shape = ElementwiseShape(
        count=output.count,
        input_count=len(tensors),
        read_bytes=sum(tensor.size_bytes for tensor in tensors),
        widest_bytes=max(tensor.dtype.size_bytes for tensor in (*tensors, output)),
        output_bytes=output.dtype.size_bytes,
        vector_steps=sum(op.vector_steps for op in steps),
        flops_per_element=sum(op.flops for op in steps),
    )
    return elementwise_work(shape, spec)


def _row_work(graph: Graph, node: Node, op: RowOp, spec: AsicSpec) -> Work:
    x, *parameters = [graph.tensor(name) for name in node.inputs]
    shape = RowShape(
        rows=x.count // x.shape[0],
        columns=x.shape[0],
        element_bytes=x.dtype.size_bytes,
        passes=op.passes,
        vector_steps=op.vector_steps,
        flops_per_element=op.flops,
        parameter_bytes=sum(tensor.size_bytes for tensor in parameters),
        is_reduction=op.is_reduction,
    )
    return row_work(shape, spec)


def _gemm_work(graph: Graph, node: Node, spec: AsicSpec) -> Work:
    params, shape = gemm_params(node), gemm_shape(graph, node)
    if params.geometry is None:
        plan = plan_gemm(shape, MmeType.BF16, spec.mme)
    else:
        plan = plan_geometry(shape, MmeType.BF16, spec.mme.geometry(params.geometry), spec.mme)
    bias_bytes = graph.tensor(node.inputs[2]).size_bytes if len(node.inputs) == 3 else 0
    return gemm_work(plan, shape, MmeType.BF16, graph.tensor(node.outputs[0]).dtype.size_bytes, bias_bytes)
