"""Transposes that the MME does while it reads."""

from __future__ import annotations

from dataclasses import replace

from device.graph.ir import Graph, Node
from device.graph.ops import MME_GUIDS, TRANSPOSE, gemm_params
from device.graph.params import TransposeParams
from device.graph.rules import params_of

__all__ = ["fold_transposes"]


def fold_transposes(graph: Graph) -> Graph:
    """Let a gemm read an operand the other way round instead of the result of a transpose of its matrices.

    before: b -> transpose(1 0) -> gemm      after: b -> gemm [B^T]

    The transpose stays for eliminate_dead_nodes if nobody else reads it. Needs inferred dimensions. Keeps every value
    bit for bit: the MME adds in the order of the common dimension, however the operand lies.
    """
    nodes = tuple(_folded(graph, node) if node.guid in MME_GUIDS else node for node in graph.nodes)
    return graph if nodes == graph.nodes else replace(graph, nodes=nodes)


def _folded(graph: Graph, gemm: Node) -> Node:
    for place in (0, 1):
        while (source := _untransposed(graph, gemm.inputs[place])) is not None:
            inputs = (*gemm.inputs[:place], source, *gemm.inputs[place + 1 :])
            gemm = replace(gemm, inputs=inputs, params=gemm_params(gemm).with_flipped(place))
    return gemm


def _untransposed(graph: Graph, name: str) -> str | None:
    """What a transpose of the two fast dimensions alone reads; None for anything else."""
    producer = graph.producer(name)
    if producer is None or producer.guid != TRANSPOSE:
        return None
    permutation = params_of(producer, TransposeParams).permutation
    rest = tuple(range(2, len(permutation)))
    return producer.inputs[0] if permutation == (1, 0, *rest) else None
