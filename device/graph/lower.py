"""From scheduled, placed nodes to descriptors: operands become ranges of bytes. Sync values come afterwards."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from device.errors import GraphError
from device.graph.convolution import window_of
from device.graph.ir import Graph, Node, Tensor
from device.graph.moves import MOVES, Move, is_in_place, moves_of
from device.graph.node_work import gemm_shape, index_extents, move_work, node_work, reduced_extents
from device.graph.ops import CONVOLUTIONS, FUSED, MME_GUIDS, gemm_params, is_constant
from device.graph.params import ConstantParams, ConvolutionParams, FusedParams, FusedStep, NormParams
from device.graph.rules import access_of, params_of
from device.recipe.descriptors import (
    Access,
    Constant,
    ConvolutionOp,
    Copy,
    Descriptor,
    Fill,
    Instruction,
    MmeConvolution,
    MmeGemm,
    Operand,
    SyncPoint,
    TpcColumns,
    TpcElementwise,
    TpcIndexed,
    TpcRows,
)
from device.recipe.recipe import RecipeTensor, TensorRole
from device.recipe.tpc_ops import IndexOp, parse_elementwise, parse_index, parse_row
from device.spec import AsicSpec

__all__ = ["lower_nodes", "recipe_tensors"]

# Stands until assign_sync has seen all descriptors.
_NO_SIGNAL = SyncPoint(0, 0)


@dataclass(frozen=True, slots=True)
class _Context:
    graph: Graph
    spec: AsicSpec
    tensor_ids: Mapping[str, int]

    def operand(self, name: str) -> Operand:
        return self.part(name, 0, self.graph.tensor(name).size_bytes)

    def part(self, name: str, offset_bytes: int, size_bytes: int) -> Operand:
        """Some bytes of a tensor, wherever it lies."""
        root, offset = self.graph.root(name)
        start = offset + offset_bytes + (0 if root.is_persistent else _place(root))
        return Operand(self.tensor_ids.get(root.name), start, size_bytes, self.graph.place(name))

    def matrix(self, name: str) -> tuple[Operand, int | None]:
        """An operand of the MME, and its pitch if it is a window of a wider matrix."""
        tensor = self.graph.tensor(name)
        if tensor.pitch is None:
            return self.operand(name), None
        width, *rows = tensor.shape
        elements = (math.prod(rows) - 1) * tensor.pitch + width
        return self.part(name, 0, elements * tensor.dtype.size_bytes), tensor.pitch


def recipe_tensors(graph: Graph) -> tuple[RecipeTensor, ...]:
    """Persistent tensors, in the order of the graph; their places are the tensor numbers of operands."""
    return tuple(
        RecipeTensor(tensor.name, _role(graph, tensor), tensor.dtype, tensor.shape)
        for tensor in graph.tensors
        if tensor.is_persistent
    )


def lower_nodes(graph: Graph, spec: AsicSpec) -> tuple[Descriptor, ...]:
    """The descriptors in the order of the nodes: one a node, more for a concat, none for what became a view."""
    tensor_ids = {tensor.name: index for index, tensor in enumerate(recipe_tensors(graph))}
    context = _Context(graph, spec, tensor_ids)
    descriptors = [descriptor for node in graph.nodes for descriptor in _lower(context, node)]
    return tuple(replace(descriptor, order=order) for order, descriptor in enumerate(descriptors))


def _place(root: Tensor) -> int:
    if root.workspace_offset is None:
        raise GraphError(f"tensor {root} has no place in the workspace; plan_memory gives it one")
    return root.workspace_offset


def _role(graph: Graph, tensor: Tensor) -> TensorRole:
    return TensorRole.INPUT if graph.producer(tensor.name) is None else TensorRole.OUTPUT


def _lower(context: _Context, node: Node) -> list[Descriptor]:
    if node.guid in MOVES:
        moves = [move for move in moves_of(context.graph, node) if not is_in_place(context.graph, node, move)]
        return [_lower_move(context, node, move) for move in moves]
    if node.guid in MME_GUIDS:
        return [_lower_gemm(context, node)]
    if node.guid in CONVOLUTIONS:
        return [_lower_convolution(context, node)]
    if is_constant(node):
        return [_lower_fill(context, node)]
    if parse_row(node.guid) is not None:
        return [_lower_rows(context, node)]
    if parse_index(node.guid) is not None:
        return [_lower_indexed(context, node)]
    return [_lower_elementwise(context, node)]


def _lower_move(context: _Context, node: Node, move: Move) -> Copy:
    width = context.graph.tensor(node.outputs[0]).dtype.size_bytes
    ends = [1 + sum((size - 1) * step for size, step in zip(move.sizes, steps, strict=True)) for steps in _steps(move)]
    return Copy(
        order=0,
        node=node.name,
        waits=(),
        signal=_NO_SIGNAL,
        work=move_work(move, width, context.spec),
        source=context.part(node.inputs[move.place], move.source_start * width, ends[0] * width),
        destination=context.part(node.outputs[0], move.destination_start * width, ends[1] * width),
        element_bytes=width,
        sizes=move.sizes,
        source_steps=move.source_steps,
        destination_steps=move.destination_steps,
    )


def _steps(move: Move) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return move.source_steps, move.destination_steps


def _lower_gemm(context: _Context, node: Node) -> MmeGemm:
    params, shape = gemm_params(node), gemm_shape(context.graph, node)
    if params.geometry is None:
        raise GraphError(f"node {node.name} ({node.guid}) has no geometry; select_mme_geometry gives it one")
    a, a_pitch = context.matrix(node.inputs[0])
    b, b_pitch = context.matrix(node.inputs[1])
    return MmeGemm(
        order=0,
        node=node.name,
        waits=(),
        signal=_NO_SIGNAL,
        work=node_work(context.graph, node, context.spec),
        a=a,
        b=b,
        bias=context.operand(node.inputs[2]) if len(node.inputs) == 3 else None,
        c=context.operand(node.outputs[0]),
        m=shape.m,
        n=shape.n,
        k=shape.k,
        transpose_a=params.transpose_a,
        transpose_b=params.transpose_b,
        relu=params.has_relu,
        output=context.graph.tensor(node.outputs[0]).dtype,
        geometry=params.geometry,
        batch=shape.batch,
        is_b_shared=shape.is_b_broadcast,
        a_pitch=a_pitch,
        b_pitch=b_pitch,
        a_type=context.graph.tensor(node.inputs[0]).dtype,
        b_type=context.graph.tensor(node.inputs[1]).dtype,
    )


def _lower_convolution(context: _Context, node: Node) -> MmeConvolution:
    """A dedw takes the gradient first; its descriptor takes the image first: what is windowed, as for the others."""
    params, op = params_of(node, ConvolutionParams), ConvolutionOp(node.guid)
    if params.geometry is None:
        raise GraphError(f"node {node.name} ({node.guid}) has no geometry; select_mme_geometry gives it one")
    inputs = tuple(context.graph.tensor(name) for name in node.inputs)
    a, b = (inputs[1], inputs[0]) if op is ConvolutionOp.DEDW else inputs[:2]
    output = context.graph.tensor(node.outputs[0])
    return MmeConvolution(
        order=0,
        node=node.name,
        waits=(),
        signal=_NO_SIGNAL,
        work=node_work(context.graph, node, context.spec),
        op=op,
        a=context.operand(a.name),
        b=context.operand(b.name),
        bias=context.operand(inputs[2].name) if len(inputs) == 3 else None,
        c=context.operand(output.name),
        window=window_of(node, inputs),
        relu=params.has_relu,
        output=output.dtype,
        geometry=params.geometry,
        a_type=a.dtype,
        b_type=b.dtype,
    )


def _lower_fill(context: _Context, node: Node) -> Fill:
    output = context.graph.tensor(node.outputs[0])
    return Fill(
        order=0,
        node=node.name,
        waits=(),
        signal=_NO_SIGNAL,
        work=node_work(context.graph, node, context.spec),
        value=Constant(params_of(node, ConstantParams).bits, output.dtype),
        output=context.operand(output.name),
        count=output.count,
    )


def _lower_rows(context: _Context, node: Node) -> TpcRows | TpcColumns:
    parsed = parse_row(node.guid)
    assert parsed is not None, "the caller has looked"
    x = context.graph.tensor(node.inputs[0])
    outer, count, inner = reduced_extents(context.graph, node)
    if inner > 1:
        return TpcColumns(
            order=0,
            node=node.name,
            waits=(),
            signal=_NO_SIGNAL,
            work=node_work(context.graph, node, context.spec),
            op=parsed[0],
            dtype=x.dtype,
            x=context.operand(x.name),
            output=context.operand(node.outputs[0]),
            outer=outer,
            count=count,
            inner=inner,
        )
    return TpcRows(
        order=0,
        node=node.name,
        waits=(),
        signal=_NO_SIGNAL,
        work=node_work(context.graph, node, context.spec),
        op=parsed[0],
        dtype=x.dtype,
        inputs=tuple(context.operand(name) for name in node.inputs),
        output=context.operand(node.outputs[0]),
        rows=outer,
        columns=count,
        epsilon_bits=node.params.epsilon_bits if isinstance(node.params, NormParams) else 0,
    )


def _lower_indexed(context: _Context, node: Node) -> TpcIndexed:
    parsed = parse_index(node.guid)
    assert parsed is not None, "the caller has looked"
    *data, indices = node.inputs
    outer, size, count, inner = index_extents(context.graph, node, parsed[0])
    return TpcIndexed(
        order=0,
        node=node.name,
        waits=(),
        signal=_NO_SIGNAL,
        work=node_work(context.graph, node, context.spec),
        op=parsed[0],
        dtype=parsed[1],
        data=None if parsed[0] is IndexOp.ONE_HOT else context.operand(data[0]),
        indices=context.operand(indices),
        output=context.operand(node.outputs[0]),
        outer=outer,
        size=size,
        count=count,
        inner=inner,
    )


def _lower_elementwise(context: _Context, node: Node) -> TpcElementwise:
    tensors = [context.graph.tensor(name) for name in node.inputs]
    output = context.graph.tensor(node.outputs[0])
    if node.guid == FUSED:
        params = params_of(node, FusedParams)
    else:
        params = FusedParams((), (FusedStep(node.guid, tuple(range(len(tensors)))),))
    return TpcElementwise(
        order=0,
        node=node.name,
        waits=(),
        signal=_NO_SIGNAL,
        work=node_work(context.graph, node, context.spec),
        inputs=tuple(context.operand(name) for name in node.inputs),
        input_types=tuple(tensor.dtype for tensor in tensors),
        accesses=tuple(_access(node, tensor, output) for tensor in tensors),
        constants=params.constants,
        program=tuple(_instruction(node, step) for step in params.steps),
        output=context.operand(output.name),
        count=output.count,
    )


def _access(node: Node, tensor: Tensor, output: Tensor) -> Access:
    access = access_of(tensor.shape, output.shape)
    if access is None:
        raise GraphError(f"node {node.name} ({node.guid}): tensor {tensor} does not repeat along {output}")
    return access


def _instruction(node: Node, step: FusedStep) -> Instruction:
    parsed = parse_elementwise(step.guid)
    if parsed is None:
        raise GraphError(f"node {node.name}: {step.guid!r} is no elementwise operation")
    return Instruction(parsed[0], parsed[1], step.sources)
