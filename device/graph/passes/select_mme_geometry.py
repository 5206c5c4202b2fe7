"""Which shape the MMEs take for each gemm."""

from __future__ import annotations

from dataclasses import replace

from device.cost import plan_gemm
from device.graph.ir import Graph, Node
from device.graph.node_work import mme_shape, mme_type
from device.graph.ops import mme_params
from device.graph.params import ConvolutionParams, GemmParams
from device.spec import AsicSpec

__all__ = ["select_mme_geometry"]


def select_mme_geometry(graph: Graph, spec: AsicSpec) -> Graph:
    """Note the geometry with the fewest cycles at every gemm.

    before: gemm 16x4096x4096      after: gemm 16x4096x4096 [4xw]

    Needs inferred dimensions. Keeps every value bit for bit: the arithmetic does not depend on the geometry.
    """
    return graph.with_nodes(
        node if (params := mme_params(node)) is None else _with_geometry(graph, node, params, spec)
        for node in graph.nodes
    )


def _with_geometry(graph: Graph, node: Node, params: GemmParams | ConvolutionParams, spec: AsicSpec) -> Node:
    geometry = plan_gemm(mme_shape(graph, node), mme_type(graph, node), spec.mme).geometry
    return replace(node, params=replace(params, geometry=geometry))
