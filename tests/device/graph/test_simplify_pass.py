"""Casts and changes of layout that undo each other, and those that only look so."""

import numpy as np

from device.dtypes import DataType
from device.graph import Graph, GraphBuilder, compile_graph
from device.graph.interpret import interpret
from device.graph.passes import drop_broadcasts, eliminate_dead_nodes, simplify_casts_and_layout, verify_and_infer
from device.recipe import MmeGemm
from device.spec import load_spec

BF16, F32 = DataType.BF16, DataType.F32
GAUDI2 = load_spec("gaudi2")


def simplified(g: GraphBuilder) -> Graph:
    graph = simplify_casts_and_layout(verify_and_infer(g.build()))
    assert simplify_casts_and_layout(graph) is graph
    return eliminate_dead_nodes(graph)


def guids(graph: Graph) -> list[str]:
    return [node.guid for node in graph.nodes]


def test_a_cast_up_and_down_behind_an_operation_goes() -> None:
    g = GraphBuilder("g")
    x = g.exp(g.input("x", (8, 4), BF16))
    g.output(g.neg(g.cast(g.cast(x, F32), BF16)), "y")
    assert guids(simplified(g)) == ["exp_fwd_bf16", "neg_fwd_bf16"]


def test_a_cast_up_and_down_of_an_input_stays_since_it_changes_denormals() -> None:
    g = GraphBuilder("g")
    g.output(g.neg(g.cast(g.cast(g.copy(g.input("x", (2, 1), BF16)), F32), BF16)), "y")
    graph = simplified(g)
    assert guids(graph) == ["memcpy", "cast_bf16_to_f32", "cast_f32_to_bf16", "neg_fwd_bf16"]
    y = interpret(graph, {"x": np.array([[0x0001, 0x7F81]], np.uint16)})["y"]
    assert y.tolist() != [[0x8001, 0xFF81]]


def test_a_cast_down_and_up_rounds_and_stays() -> None:
    g = GraphBuilder("g")
    g.output(g.neg(g.cast(g.cast(g.exp(g.input("x", (8, 4), F32)), BF16), F32)), "y")
    assert len(guids(simplified(g))) == 4


def test_transposes_join_and_cancel() -> None:
    g = GraphBuilder("g")
    x = g.input("x", (2, 3, 4), F32)
    g.output(g.neg(g.transpose(g.transpose(x, (1, 2, 0)), (2, 0, 1))), "same")
    g.output(g.neg(g.transpose(g.transpose(x, (1, 2, 0)), (1, 2, 0))), "other")
    graph = simplified(g)
    assert guids(graph) == ["neg_fwd_f32", "transpose", "neg_fwd_f32"]
    assert str(graph.nodes[1].params) == "permutation 2 0 1"
    assert graph.nodes[1].inputs == ("x",)


def test_reshapes_join_and_one_to_the_same_dimensions_goes() -> None:
    g = GraphBuilder("g")
    x = g.input("x", (6, 4), F32)
    g.output(g.neg(g.reshape(g.reshape(x, (24,)), (6, 4))), "same")
    g.output(g.reshape(g.reshape(x, (24,)), (4, 6)), "other")
    graph = simplified(g)
    assert guids(graph) == ["neg_fwd_f32", "reshape"]
    assert all(node.inputs == ("x",) for node in graph.nodes)


def test_elementwise_readers_repeat_a_row_themselves_but_one_of_them_must_be_whole() -> None:
    g = GraphBuilder("g")
    x, row = g.input("x", (8, 4), F32), g.input("row", (8,), F32)
    wide = g.broadcast(row, (8, 4))
    g.output(g.add(x, wide), "sum")
    g.output(g.neg(wide), "whole")
    graph = drop_broadcasts(verify_and_infer(g.build()))
    assert drop_broadcasts(graph) is graph
    assert guids(graph) == ["broadcast", "add_fwd_f32", "neg_fwd_f32"]
    assert graph.nodes[1].inputs == ("x", "row")


def test_a_weight_that_was_repeated_for_a_batch_is_shared() -> None:
    g = GraphBuilder("g")
    a, w = g.input("a", (16, 8, 4), BF16), g.input("w", (32, 16), BF16)
    g.output(g.batch_gemm(a, g.broadcast(w, (32, 16, 4))), "y")
    (gemm,) = compile_graph(g.build(), GAUDI2).in_order
    assert isinstance(gemm, MmeGemm)
    assert gemm.is_b_shared


def test_persistent_results_stay() -> None:
    g = GraphBuilder("g")
    x = g.exp(g.input("x", (3, 3), BF16))
    g.output(g.transpose(g.transpose(x, (1, 0)), (1, 0)), "y")
    graph = simplified(g)
    assert guids(graph) == ["exp_fwd_bf16", "transpose"]
    assert graph.nodes[1].outputs == ("y",)
