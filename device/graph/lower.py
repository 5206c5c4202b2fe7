"""From scheduled, placed nodes to descriptors: operands become ranges of bytes. Sync values come afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from device.engine_class import EngineClass
from device.errors import GraphError
from device.graph.ir import Graph, Node, Tensor
from device.graph.node_work import node_work
from device.graph.ops import GEMM, MEMCPY, engine_of, gemm_mnk, gemm_params
from device.recipe.descriptors import (
    Descriptor,
    DmaCopy,
    ElementwiseOp,
    MmeGemm,
    Operand,
    SyncPoint,
    TpcElementwise,
)
from device.recipe.recipe import RecipeTensor, TensorRole
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
        tensor = self.graph.tensor(name)
        return Operand(self.tensor_ids.get(name), self._offset(tensor), tensor.size_bytes)

    def _offset(self, tensor: Tensor) -> int:
        if tensor.is_persistent:
            return 0
        if tensor.workspace_offset is None:
            raise GraphError(f"tensor {tensor} has no place in the workspace; plan_memory gives it one")
        return tensor.workspace_offset


def recipe_tensors(graph: Graph) -> tuple[RecipeTensor, ...]:
    """Persistent tensors, in the order of the graph; their places are the tensor numbers of operands."""
    return tuple(
        RecipeTensor(tensor.name, _role(graph, tensor), tensor.dtype, tensor.shape)
        for tensor in graph.tensors
        if tensor.is_persistent
    )


def lower_nodes(graph: Graph, spec: AsicSpec) -> tuple[Descriptor, ...]:
    """One descriptor a node, in the order of the nodes."""
    tensor_ids = {tensor.name: index for index, tensor in enumerate(recipe_tensors(graph))}
    context = _Context(graph, spec, tensor_ids)
    return tuple(_lower(context, order, node) for order, node in enumerate(graph.nodes))


def _role(graph: Graph, tensor: Tensor) -> TensorRole:
    return TensorRole.INPUT if graph.producer(tensor.name) is None else TensorRole.OUTPUT


def _lower(context: _Context, order: int, node: Node) -> Descriptor:
    if node.guid == GEMM:
        return _lower_gemm(context, order, node)
    if node.guid == MEMCPY and engine_of(node, context.spec) is EngineClass.DMA:
        return DmaCopy(
            order=order,
            node=node.name,
            waits=(),
            signal=_NO_SIGNAL,
            work=node_work(context.graph, node, context.spec),
            source=context.operand(node.inputs[0]),
            destination=context.operand(node.outputs[0]),
        )
    return _lower_elementwise(context, order, node)


def _lower_gemm(context: _Context, order: int, node: Node) -> MmeGemm:
    graph, params = context.graph, gemm_params(node)
    m, n, k = gemm_mnk(node, graph.tensor(node.inputs[0]), graph.tensor(node.inputs[1]))
    if params.geometry is None:
        raise GraphError(f"node {node.name} ({node.guid}) has no geometry; select_mme_geometry gives it one")
    return MmeGemm(
        order=order,
        node=node.name,
        waits=(),
        signal=_NO_SIGNAL,
        work=node_work(graph, node, context.spec),
        a=context.operand(node.inputs[0]),
        b=context.operand(node.inputs[1]),
        bias=context.operand(node.inputs[2]) if len(node.inputs) == 3 else None,
        c=context.operand(node.outputs[0]),
        m=m,
        n=n,
        k=k,
        transpose_a=params.transpose_a,
        transpose_b=params.transpose_b,
        relu=params.has_relu,
        output=graph.tensor(node.outputs[0]).dtype,
        geometry=params.geometry,
    )


def _lower_elementwise(context: _Context, order: int, node: Node) -> TpcElementwise:
    operation = ElementwiseOp(node.guid)
    source = context.graph.tensor(node.inputs[0])
    is_copy = operation is ElementwiseOp.COPY
    return TpcElementwise(
        order=order,
        node=node.name,
        waits=(),
        signal=_NO_SIGNAL,
        work=node_work(context.graph, node, context.spec),
        op=operation,
        inputs=tuple(context.operand(name) for name in node.inputs),
        output=context.operand(node.outputs[0]),
        count=source.size_bytes if is_copy else source.count,
        period=source.size_bytes if is_copy else context.graph.tensor(node.inputs[-1]).count,
    )
