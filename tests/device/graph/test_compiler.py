"""From graph to recipe: descriptors, operands, sync objects, limits."""

from dataclasses import replace

import pytest

from device.dtypes import DataType
from device.engine_class import EngineClass
from device.errors import GraphError
from device.graph import GraphBuilder, compile_graph
from device.graph.lower import lower_nodes
from device.graph.sync import assign_sync
from device.recipe import Access, Copy, ElementwiseOp, MmeGemm, TensorRole, TpcElementwise, check_sync
from device.spec import SyncSpec, load_spec

BF16, F32 = DataType.BF16, DataType.F32
GAUDI2, GAUDI3 = load_spec("gaudi2"), load_spec("gaudi3")


def mlp() -> GraphBuilder:
    g = GraphBuilder("mlp")
    hidden = g.relu(g.gemm(g.input("x", (64, 8), BF16), g.input("w", (32, 64), BF16), dtype=BF16))
    g.output(g.add(g.copy(hidden), g.input("row", (32,), BF16)), "y")
    return g


def test_gemm_descriptor_carries_shape_operands_and_epilogue() -> None:
    recipe = compile_graph(mlp().build(), GAUDI2, name="first")
    gemm = recipe.in_order[0]
    assert isinstance(gemm, MmeGemm)
    assert (gemm.m, gemm.n, gemm.k, gemm.relu, gemm.output) == (8, 32, 64, True, BF16)
    assert (gemm.a.tensor, gemm.b.tensor, gemm.c.tensor) == (0, 1, None)
    assert gemm.work.flops == 2 * 8 * 32 * 64
    assert (recipe.name, recipe.asic) == ("first", "gaudi2")


def test_persistent_tensors_have_roles_and_sizes() -> None:
    recipe = compile_graph(mlp().build(), GAUDI2)
    assert [(tensor.name, tensor.role, tensor.size_bytes) for tensor in recipe.tensors] == [
        ("x", TensorRole.INPUT, 1024),
        ("w", TensorRole.INPUT, 4096),
        ("row", TensorRole.INPUT, 64),
        ("y", TensorRole.OUTPUT, 512),
    ]


def test_second_operand_repeats() -> None:
    add = compile_graph(mlp().build(), GAUDI2).in_order[-1]
    assert isinstance(add, TpcElementwise)
    assert [each.op for each in add.program] == [ElementwiseOp.ADD]
    assert (add.count, add.accesses) == (8 * 32, (Access(1, 8 * 32), Access(1, 32)))


def test_copy_runs_on_the_dma_where_there_is_one() -> None:
    assert [step.engine for step in compile_graph(mlp().build(), GAUDI2).in_order] == [
        EngineClass.MME,
        EngineClass.DMA,
        EngineClass.TPC,
    ]
    copy = compile_graph(mlp().build(), GAUDI3).in_order[1]
    assert isinstance(copy, Copy)
    assert (copy.engine, copy.sizes) == (EngineClass.TPC, (256,))


def test_sync_objects_are_changed_before_their_value_overflows() -> None:
    g = GraphBuilder("long")
    x = g.input("x", (4,), F32)
    for _ in range(7):
        x = g.copy(g.relu(x))
    g.output(x, "y")
    recipe = compile_graph(g.build(), GAUDI2)
    synced = assign_sync(recipe.in_order, SyncSpec(objects=6, max_value=3))
    assert max(descriptor.signal.value for descriptor in synced.descriptors) == 3
    assert synced.sync_objects == 6
    queues = tuple(
        replace(queue, descriptors=tuple(d for d in synced.descriptors if d.engine is queue.engine))
        for queue in recipe.queues
    )
    check_sync(replace(recipe, queues=queues, sync_objects=6))
    with pytest.raises(GraphError, match="14 descriptors need 6 sync objects, the ASIC has 5"):
        assign_sync(recipe.in_order, SyncSpec(objects=5, max_value=3))


def test_wait_that_another_one_implies_is_left_out() -> None:
    g = GraphBuilder("diamond")
    product = g.gemm(g.input("a", (8, 8), BF16), g.input("b", (8, 8), BF16), dtype=BF16)
    g.output(g.add(product, g.copy(product)), "y")
    recipe = compile_graph(g.build(), GAUDI2)
    assert [len(descriptor.waits) for descriptor in recipe.in_order] == [0, 1, 1]


def test_lowering_an_unplanned_graph_says_which_pass_is_missing() -> None:
    with pytest.raises(GraphError, match="select_mme_geometry gives it one"):
        lower_nodes(mlp().build(), GAUDI2)


def test_graph_without_output_is_refused() -> None:
    g = GraphBuilder("empty")
    g.relu(g.input("x", (4,), F32))
    with pytest.raises(GraphError, match="graph empty has no output"):
        compile_graph(g.build(), GAUDI2)
