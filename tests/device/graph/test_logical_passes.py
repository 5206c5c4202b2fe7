"""Transposes into the MME, and logical nodes that move nothing."""

from device.dtypes import DataType
from device.graph import Graph, GraphBuilder, compile_graph, run_pipeline
from device.graph.passes import alias_logical_nodes, eliminate_dead_nodes, fold_transposes
from device.graph.passes.plan_memory import plan_memory
from device.recipe import Copy, MmeGemm, check_sync, validate
from device.spec import load_spec

BF16, F32 = DataType.BF16, DataType.F32
GAUDI2 = load_spec("gaudi2")


def guids(graph: Graph) -> list[str]:
    return [node.guid for node in graph.nodes]


def test_transpose_of_an_operand_becomes_a_flag() -> None:
    g = GraphBuilder("g")
    a, b = g.input("a", (8, 32), BF16), g.input("b", (8, 16), BF16)
    g.output(g.gemm(a, g.transpose(b, (1, 0))), "c")
    folded = fold_transposes(g.build())
    assert guids(folded) == ["transpose", "gemm"]
    assert folded.nodes[1].inputs == ("a", "b")
    assert fold_transposes(folded) is folded
    (gemm,) = compile_graph(g.build(), GAUDI2).in_order
    assert isinstance(gemm, MmeGemm)
    assert (gemm.transpose_a, gemm.transpose_b) == (False, True)


def test_two_transposes_cancel_and_other_permutations_stay() -> None:
    g = GraphBuilder("g")
    a, b = g.input("a", (8, 32, 2), BF16), g.input("b", (8, 16, 2), BF16)
    twice = g.transpose(g.transpose(g.transpose(b, (1, 0, 2)), (1, 0, 2)), (1, 0, 2))
    g.output(g.batch_gemm(a, twice), "c")
    moved = g.transpose(g.input("d", (2, 16, 8), BF16), (1, 2, 0))
    g.output(g.batch_gemm(a, moved), "e")
    folded = eliminate_dead_nodes(fold_transposes(g.build()))
    assert guids(folded) == ["batch_gemm", "transpose", "batch_gemm"]
    assert folded.nodes[0].inputs == ("a", "b")


def test_reshape_and_slice_of_whole_rows_are_views() -> None:
    g = GraphBuilder("g")
    x = g.relu(g.input("x", (4, 6), F32))
    g.output(g.relu(g.slice(g.reshape(x, (2, 12)), (0, 3), (2, 9))), "y")
    graph = plan_memory(alias_logical_nodes(g.build()))
    assert graph.tensor("reshape_1_out").view_of == "relu_fwd_f32_0_out"
    assert graph.root("slice_2_out") == (graph.tensor("relu_fwd_f32_0_out"), 24)
    assert alias_logical_nodes(graph) is graph
    recipe = compile_graph(g.build(), GAUDI2)
    assert [descriptor.engine.name for descriptor in recipe.in_order] == ["TPC", "TPC"]
    assert recipe.in_order[1].reads[0].size_bytes == 48
    assert recipe.workspace_bytes == 128


def test_producers_write_straight_into_a_concat_and_into_a_reshaped_output() -> None:
    g = GraphBuilder("g")
    x = g.input("x", (32, 2), F32)
    joined = g.concat((g.relu(x), g.exp(x)), 1)
    g.output(g.reshape(joined, (128,)), "y")
    recipe = compile_graph(g.build(), GAUDI2)
    written = [(step.writes[0].tensor, step.writes[0].offset_bytes) for step in recipe.in_order]
    assert sorted(written) == [(1, 0), (1, 256)]
    assert recipe.workspace_bytes == 0


def test_what_cannot_be_a_view_is_copied() -> None:
    g = GraphBuilder("g")
    x = g.input("x", (4, 6), F32)
    part = g.relu(x)
    g.output(g.concat((part, part), 1), "twice")
    g.output(g.slice(x, (1, 0), (3, 6)), "columns")
    g.output(g.reshape(x, (24,)), "flat")
    recipe = compile_graph(g.build(), GAUDI2)
    validate(recipe)
    check_sync(recipe)
    copies = [step for step in recipe.in_order if isinstance(step, Copy)]
    assert sorted(step.sizes for step in copies) == [(2, 6), (4, 6), (24,)]


def test_transposes_that_nobody_can_fold_run_on_the_dma() -> None:
    g = GraphBuilder("g")
    g.output(g.transpose(g.input("x", (4, 6), BF16), (1, 0)), "y")
    (copy,) = compile_graph(g.build(), GAUDI2).in_order
    assert isinstance(copy, Copy)
    assert (copy.engine.name, copy.sizes, copy.source_steps, copy.destination_steps) == ("DMA", (6, 4), (4, 1), (1, 6))
    (copy,) = compile_graph(g.build(), load_spec("gaudi3")).in_order
    assert copy.engine.name == "TPC"


def test_views_survive_a_second_run_of_the_pipeline() -> None:
    g = GraphBuilder("g")
    x = g.relu(g.input("x", (4, 6), F32))
    g.output(g.relu(g.concat((x, g.reshape(x, (4, 6)), g.exp(x)), 1)), "y")
    planned = run_pipeline(g.build(), GAUDI2)
    assert run_pipeline(planned, GAUDI2) == planned
