"""Which shape the MMEs take for each gemm."""

from __future__ import annotations

from dataclasses import replace

from device.cost import GemmShape, plan_gemm
from device.graph.ir import Graph, Node
from device.graph.ops import GEMM, gemm_mnk, gemm_params
from device.spec import AsicSpec, MmeType

__all__ = ["select_mme_geometry"]


def select_mme_geometry(graph: Graph, spec: AsicSpec) -> Graph:
    """Note the geometry with the fewest cycles at every gemm.

    before: gemm 16x4096x4096      after: gemm 16x4096x4096 [4xw]

    Needs inferred dimensions. Keeps every value bit for bit: the arithmetic does not depend on the geometry.
    """
    return graph.with_nodes(_with_geometry(graph, node, spec) if node.guid == GEMM else node for node in graph.nodes)


def _with_geometry(graph: Graph, node: Node, spec: AsicSpec) -> Node:
    params = gemm_params(node)
    m, n, k = gemm_mnk(node, graph.tensor(node.inputs[0]), graph.tensor(node.inputs[1]))
    shape = GemmShape(m, n, k, transpose_a=params.transpose_a, transpose_b=params.transpose_b)
    geometry = plan_gemm(shape, MmeType.BF16, spec.mme).geometry
    return replace(node, params=replace(params, geometry=geometry))
