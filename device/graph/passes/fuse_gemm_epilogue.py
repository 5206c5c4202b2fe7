"""What follows a gemm and fits into the MME's output stage."""

from __future__ import annotations

from dataclasses import replace

from device.dtypes import DataType
from device.graph.ir import Graph, Node
from device.graph.ops import GEMM, mme_params
from device.recipe.descriptors import ConvolutionOp

__all__ = ["fuse_gemm_epilogue"]

_WITH_BIAS = (GEMM, ConvolutionOp.FORWARD)

_RELU_GUID = {DataType.F32: "relu_fwd_f32", DataType.BF16: "relu_fwd_bf16"}


def fuse_gemm_epilogue(graph: Graph) -> Graph:
    """Move a bias, a relu and a cast to bf16 that follow a gemm or a convolution into it.

    before: gemm -> add_fwd_f32(bias) -> relu_fwd_f32 -> cast_f32_to_bf16 -> c      after: gemm [bias relu] -> c:bf16

    A batch_gemm takes no bias, nor do dedx and dedw.

    Slices of a bundle stay as they are. Needs inferred dimensions. Fuses while the result in between has one consumer
    and is not persistent; the bias has to be an fp32 row. Keeps every value bit for bit, with one exception: an fp32
    bias, or a sum with it, that is denormal counts as zero in the MME and not in the TPC, a difference below 2^-126.
    """
    replaced: dict[str, Node | None] = {}
    for node in graph.nodes:
        if mme_params(node) is not None and node.bundle is None:
            _absorb_chain(graph, node, replaced)
    if not replaced:
        return graph
    nodes = [replaced.get(node.name, node) for node in graph.nodes]
    return graph.with_nodes(node for node in nodes if node is not None)


def _absorb_chain(graph: Graph, gemm: Node, replaced: dict[str, Node | None]) -> None:
    """Put the fused gemm in the place of the last node that fits, so that a bias is made before it is needed."""
    fused, place = gemm, gemm.name
    while (following := _only_consumer(graph, fused)) is not None:
        absorbed = _absorbed(graph, fused, following)
        if absorbed is None:
            break
        replaced[place] = None
        replaced[following.name] = absorbed
        fused, place = absorbed, following.name


def _only_consumer(graph: Graph, node: Node) -> Node | None:
    result = graph.tensor(node.outputs[0])
    consumers = graph.consumers(result.name)
    if result.is_persistent or len(consumers) != 1 or consumers[0].inputs.count(result.name) != 1:
        return None
    return consumers[0]


def _absorbed(graph: Graph, gemm: Node, following: Node) -> Node | None:
    """The gemm with `following` in its epilogue, or None if that does not fit behind what is there already."""
    params = mme_params(gemm)
    assert params is not None, "the caller has looked"
    result = graph.tensor(gemm.outputs[0])
    joined = replace(gemm, outputs=following.outputs)
    if following.guid == _RELU_GUID[result.dtype]:
        return replace(joined, params=replace(params, has_relu=True))
    if following.guid == "cast_f32_to_bf16":
        return joined
    is_free_for_bias = gemm.guid in _WITH_BIAS and len(gemm.inputs) == 2 and not params.has_relu
    if following.guid == "add_fwd_f32" and is_free_for_bias and following.inputs[0] == result.name:
        bias = graph.tensor(following.inputs[1])
        if bias.shape == result.shape[:1]:
            return replace(joined, inputs=(*gemm.inputs, bias.name))
    return None
