"""Which shape the MMEs take for each gemm."""

from __future__ import annotations

from dataclasses import replace

from device.cost import plan_gemm
from device.graph.ir import Graph, Node
from device.graph.node_work import gemm_shape
from device.graph.ops import MME_GUIDS, gemm_params
from device.spec import AsicSpec, MmeType

__all__ = ["select_mme_geometry"]


def select_mme_geometry(graph: Graph, spec: AsicSpec) -> Graph:
    """Note the geometry with the fewest cycles at every gemm.

    before: gemm 16x4096x4096      after: gemm 16x4096x4096 [4xw]

    Needs inferred dimensions. Keeps every value bit for bit: the arithmetic does not depend on the geometry.
    """
    return graph.with_nodes(
        _with_geometry(graph, node, spec) if node.guid in MME_GUIDS else node for node in graph.nodes
    )


def _with_geometry(graph: Graph, node: Node, spec: AsicSpec) -> Node:
    geometry = plan_gemm(gemm_shape(graph, node), MmeType.BF16, spec.mme).geometry
    return replace(node, params=replace(gemm_params(node), geometry=geometry))
