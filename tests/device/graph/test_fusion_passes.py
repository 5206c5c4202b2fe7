"""Constants, common nodes and fusion: what each pass does to its example, and what it leaves alone."""

from __future__ import annotations

from device.dtypes import DataType
from device.graph import Graph, GraphBuilder, Tensor, compile_graph
from device.graph.params import ConstantParams, FusedParams
from device.graph.passes import eliminate_dead_nodes, fold_constants, fuse_elementwise, merge_common_nodes
from device.recipe import ElementwiseOp, Fill, TpcElementwise, launch_cost
from device.spec import load_spec

BF16, F32 = DataType.BF16, DataType.F32
GAUDI2 = load_spec("gaudi2")
SIDE = (64, 32)


def start() -> tuple[GraphBuilder, Tensor, Tensor]:
    g = GraphBuilder("g")
    return g, g.input("x", SIDE, F32), g.input("y", SIDE, F32)


def guids(graph: Graph) -> list[str]:
    return [node.guid for node in graph.nodes]


def steps(graph: Graph, place: int = -1) -> list[str]:
    params = graph.nodes[place].params
    assert isinstance(params, FusedParams)
    return [step.guid for step in params.steps]


def test_operations_of_constants_are_computed_and_built_in() -> None:
    g, x, _ = start()
    g.output(g.mul(x, g.exp(g.constant(2.0, (1,), F32))), "out")
    folded = fold_constants(g.build())
    assert guids(folded) == ["constant_f32", "constant_f32", "fused_kernel"]
    assert isinstance(folded.nodes[1].params, ConstantParams)
    assert folded.nodes[1].params.bits == 0x40EC7326  # exp(2) = 7.389056
    assert folded.nodes[2].inputs == ("x",)
    assert guids(eliminate_dead_nodes(folded)) == ["fused_kernel"]
    assert fold_constants(folded) is folded


def test_moves_of_constants_are_constants() -> None:
    g, _, _ = start()
    zeros = g.broadcast(g.zeros((1, 4), F32), (8, 4))
    g.output(g.concat((g.transpose(zeros, (1, 0)), g.zeros((4, 1), F32)), 1), "out")
    folded = eliminate_dead_nodes(fold_constants(g.build()))
    assert guids(folded) == ["constant_f32"]
    (fill,) = compile_graph(g.build(), GAUDI2).in_order
    assert isinstance(fill, Fill)
    assert fill.count == 36


def test_constant_that_gives_the_dimensions_stays_a_tensor() -> None:
    g = GraphBuilder("g")
    g.output(g.add(g.constant(1.0, SIDE, F32), g.input("row", (64,), F32)), "out")
    assert fold_constants(g.build()) == g.build()


def test_common_nodes_become_one_but_outputs_stay() -> None:
    g, x, _ = start()
    g.output(g.add(g.exp(x), g.exp(x)), "sum")
    g.output(g.exp(x), "kept")
    merged = merge_common_nodes(g.build())
    assert guids(merged) == ["exp_fwd_f32", "add_fwd_f32", "exp_fwd_f32"]
    assert merged.nodes[1].inputs == ("exp_fwd_f32_0_out", "exp_fwd_f32_0_out")
    assert merge_common_nodes(merged) is merged


def test_nodes_with_other_params_or_types_are_not_common() -> None:
    g, x, y = start()
    for permutation in ((0, 1), (1, 0)):
        g.output(g.transpose(x, permutation), f"t{permutation[0]}")
    a, b = g.cast(x, BF16), g.cast(y, BF16)
    g.output(g.gemm(a, b, transpose_b=True, dtype=F32), "wide")
    g.output(g.relu(g.gemm(a, b, transpose_b=True, dtype=BF16)), "narrow")
    assert merge_common_nodes(g.build()) == g.build()


def test_a_chain_becomes_one_kernel_with_all_inputs() -> None:
    g, x, y = start()
    g.output(g.sqrt(g.add(g.exp(x), y)), "out")
    fused = fuse_elementwise(g.build())
    assert steps(fused) == ["exp_fwd_f32", "add_fwd_f32", "sqrt_fwd_f32"]
    assert fused.nodes[0].inputs == ("x", "y")
    assert [tensor.name for tensor in fused.tensors] == ["x", "y", "out"]
    assert fuse_elementwise(fused) is fused


def test_types_may_change_within_a_kernel() -> None:
    g, x, _ = start()
    g.output(g.cast(g.exp(g.cast(g.relu(x), BF16)), F32), "out")
    (step,) = compile_graph(g.build(), GAUDI2).in_order
    assert isinstance(step, TpcElementwise)
    assert [each.op for each in step.program] == [
        ElementwiseOp.RELU,
        ElementwiseOp.CAST_TO_BF16,
        ElementwiseOp.EXP,
        ElementwiseOp.CAST_TO_F32,
    ]


def test_what_others_read_or_the_caller_gets_is_not_fused() -> None:
    g, x, y = start()
    shared = g.exp(x)
    g.output(g.add(shared, y), "a")
    g.output(g.reduce_sum(shared), "b")
    g.output(g.neg(g.relu(y)), "c")
    kept = g.abs(y)
    g.output(kept, "d")
    g.output(g.sqrt(kept), "e")
    fused = fuse_elementwise(g.build())
    assert guids(fused) == [
        "exp_fwd_f32",
        "add_fwd_f32",
        "reduce_sum_fwd_f32",
        "fused_kernel",
        "abs_fwd_f32",
        "sqrt_fwd_f32",
    ]


def test_two_readers_that_become_one_make_their_operand_fusible() -> None:
    g, x, y = start()
    shared = g.exp(x)
    g.output(g.mul(g.add(shared, y), g.sub(shared, y)), "out")
    assert steps(fuse_elementwise(g.build()))[0] == "exp_fwd_f32"
    assert len(fuse_elementwise(g.build()).nodes) == 1


def test_a_smaller_tensor_is_not_computed_again_for_every_row() -> None:
    g, x, _ = start()
    g.output(g.add(x, g.exp(g.input("row", (64,), F32))), "out")
    assert guids(fuse_elementwise(g.build())) == ["exp_fwd_f32", "add_fwd_f32"]


def test_a_kernel_has_at_most_eight_inputs() -> None:
    g, x, _ = start()
    total = x
    for number in range(12):
        total = g.add(total, g.input(f"z{number}", SIDE, F32))
    g.output(total, "out")
    fused = fuse_elementwise(g.build())
    assert max(len(node.inputs) for node in fused.nodes) == 8
    assert len(fused.nodes) == 2


def test_fusion_saves_the_way_through_memory() -> None:
    g = GraphBuilder("g")
    x = g.input("x", (1 << 20,), BF16)
    g.output(g.neg(g.relu(g.add(x, g.constant(1.0, (1,), BF16)))), "out")
    fused, unfused = (
        launch_cost(compile_graph(g.build(), GAUDI2, skip=skip), GAUDI2)
        for skip in ((), ("fuse_elementwise", "fold_constants"))
    )
    assert fused.hbm_read_bytes + fused.hbm_write_bytes == 2 * (1 << 21)
    assert unfused.seconds > 2.5 * fused.seconds
    assert fused.flops == unfused.flops
