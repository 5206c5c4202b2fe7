"""What a node asks of its engine: from dimensions and types to the cost model's work."""

from __future__ import annotations

import math
from dataclasses import replace

from device.cost import (
    CopyShape,
    ElementwiseShape,
    GemmShape,
    MmePlan,
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
from device.dtypes import DataType
from device.engine_class import EngineClass
from device.errors import GraphError
from device.graph.convolution import convolution_gemm, window_of
from device.graph.ir import Graph, Node, Tensor
from device.graph.moves import MOVES, Move, is_view, moves_of
from device.graph.ops import CONVOLUTIONS, FUSED, LOGICAL, MEMSET, gemm_params, is_constant, mme_params
from device.graph.params import FusedParams, IndexParams, ReduceParams
from device.graph.rules import gemm_mnk, params_of
from device.recipe.descriptors import ConvolutionOp
from device.recipe.tpc_ops import ElementwiseOp, IndexOp, RowOp, parse_elementwise, parse_index, parse_row
from device.spec import AsicSpec, MmeType

__all__ = [
    "elementwise_steps",
    "gemm_shape",
    "index_extents",
    "mme_shape",
    "mme_type",
    "move_work",
    "multiplied_type",
    "node_work",
    "reduced_extents",
]

_NOTHING = Work(EngineClass.TPC, 0, 0, 0, 0, 0)


def node_work(graph: Graph, node: Node, spec: AsicSpec) -> Work:
    """Needs inferred dimensions; a gemm without a geometry gets the one that would be chosen for it.

    A concat that has to be copied counts as the sum of its copies; a logical node that became a view as nothing.
    """
    if mme_params(node) is not None:
        return _mme_work(graph, node, spec)
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
    index = parse_index(node.guid)
    if index is not None:
        return _index_work(graph, node, index[0], spec)
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


def reduced_extents(graph: Graph, node: Node) -> tuple[int, int, int]:
    """outer, count, inner: x as three dimensions, of which the middle one is reduced or normalised."""
    shape = graph.tensor(node.inputs[0]).shape
    axis = node.params.axis if isinstance(node.params, ReduceParams) else 0
    return math.prod(shape[axis + 1 :]), shape[axis], math.prod(shape[:axis])


def index_extents(graph: Graph, node: Node, op: IndexOp) -> tuple[int, int, int, int]:
    """outer, size, count, inner, as TpcIndexed has them."""
    params, output = params_of(node, IndexParams), graph.tensor(node.outputs[0])
    count = graph.tensor(node.inputs[-1]).count
    if op is IndexOp.ONE_HOT:
        return 1, params.size, count, 1
    inner = math.prod(output.shape[: params.axis])
    size = graph.tensor(node.inputs[0]).shape[params.axis] if op is IndexOp.GATHER else params.size
    taken = count if op is IndexOp.GATHER else size
    return output.count // (inner * taken), size, count, inner


def _index_work(graph: Graph, node: Node, op: IndexOp, spec: AsicSpec) -> Work:
    """A load, an addition for a scatter, and a store for each element that is named; the output crosses the HBM once.

    What a gather reads is what it writes: most of a table stays untouched.
    """
    output, indices = graph.tensor(node.outputs[0]), graph.tensor(node.inputs[-1])
    size = output.dtype.size_bytes
    named = output if op is not IndexOp.SCATTER_ADD else graph.tensor(node.inputs[0])
    flops = 1 if op is IndexOp.SCATTER_ADD else 0
    read_bytes = indices.size_bytes + (0 if op is IndexOp.ONE_HOT else named.size_bytes)
    shape = ElementwiseShape(named.count, 2, read_bytes, size, size, 1, flops)
    return replace(elementwise_work(shape, spec), hbm_write_bytes=output.size_bytes)


def _row_work(graph: Graph, node: Node, op: RowOp, spec: AsicSpec) -> Work:
    """A reduction along another dimension takes vectors of columns: as many loads, and no fold at the end."""
    x, *parameters = [graph.tensor(name) for name in node.inputs]
    outer, count, inner = reduced_extents(graph, node)
    if inner > 1:
        steps, size = op.vector_steps, x.dtype.size_bytes
        whole = elementwise_work(ElementwiseShape(x.count, 1, x.size_bytes, size, size, steps, op.flops), spec)
        return replace(whole, hbm_write_bytes=outer * inner * size)
    shape = RowShape(
        rows=outer,
        columns=count,
        element_bytes=x.dtype.size_bytes,
        passes=op.passes,
        vector_steps=op.vector_steps,
        flops_per_element=op.flops,
        parameter_bytes=sum(tensor.size_bytes for tensor in parameters),
        is_reduction=op.is_reduction,
    )
    return row_work(shape, spec)


def mme_shape(graph: Graph, node: Node) -> GemmShape:
    """What the MME multiplies for a gemm or a convolution."""
    if node.guid in CONVOLUTIONS:
        inputs = tuple(graph.tensor(name) for name in node.inputs)
        return convolution_gemm(ConvolutionOp(node.guid), window_of(node, inputs))
    return gemm_shape(graph, node)


def mme_type(graph: Graph, node: Node) -> MmeType:
    a, b = (graph.tensor(name).dtype for name in node.inputs[:2])
    return multiplied_type(a, b)


def multiplied_type(a: DataType, b: DataType) -> MmeType:
    """Of the wider operand, to which the other one is widened as it is read."""
    if DataType.F32 in (a, b):
        return MmeType.FP32
    return MmeType.FP8 if a.is_fp8 and b.is_fp8 else MmeType.BF16


def _plan(graph: Graph, node: Node, spec: AsicSpec) -> MmePlan:
    params, shape, kind = mme_params(node), mme_shape(graph, node), mme_type(graph, node)
    if params is None or params.geometry is None:
        return plan_gemm(shape, kind, spec.mme)
    return plan_geometry(shape, kind, spec.mme.geometry(params.geometry), spec.mme)


def _mme_work(graph: Graph, node: Node, spec: AsicSpec) -> Work:
    """Each operand crosses the HBM once, in the type in which it lies there; of an image that is convolved,
    overlapping windows come from the chip."""
    output = graph.tensor(node.outputs[0])
    plan, kind = _plan(graph, node, spec), mme_type(graph, node)
    work = gemm_work(plan, mme_shape(graph, node), kind, output.dtype.size_bytes)
    return replace(work, hbm_read_bytes=sum(graph.tensor(name).size_bytes for name in node.inputs))
