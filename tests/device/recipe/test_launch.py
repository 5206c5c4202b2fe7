"""Device time of a launch: queues side by side, sync values, one HBM."""

import pytest

from device.cost import operation_cost
from device.engine_class import EngineClass
from device.errors import RecipeError
from device.graph import DataType, GraphBuilder, compile_graph
from device.recipe import Recipe, launch_cost
from device.spec import load_spec

GAUDI2 = load_spec("gaudi2")


def two_branches(is_joined: bool) -> Recipe:
    """A gemm and an elementwise chain, independent of each other or one after the other."""
    g = GraphBuilder("branches")
    a = g.input("a", (2048, 2048), DataType.BF16)
    b = g.input("b", (2048, 2048), DataType.BF16)
    x = g.input("x", (2048, 2048), DataType.F32)
    product = g.gemm(a, b)
    g.output(g.add(product if is_joined else x, x), "sum")
    if not is_joined:
        g.output(product, "product")
    return compile_graph(g.build(), GAUDI2, skip=["slice_bundles"])


def test_independent_branches_overlap() -> None:
    cost = launch_cost(two_branches(is_joined=False), GAUDI2)
    assert [span.start_s for span in cost.spans] == [0.0, 0.0]
    assert cost.seconds < sum(span.end_s - span.start_s for span in cost.spans)


def test_dependent_branches_run_one_after_the_other() -> None:
    recipe = two_branches(is_joined=True)
    cost = launch_cost(recipe, GAUDI2)
    assert cost.spans[1].start_s == cost.spans[0].end_s
    assert cost.seconds == pytest.approx(sum(operation_cost(d.work, GAUDI2).seconds for d in recipe.in_order))


def test_shares_are_those_of_the_time_line() -> None:
    recipe = two_branches(is_joined=True)
    cost = launch_cost(recipe, GAUDI2, 0.5)
    gemm = operation_cost(recipe.in_order[0].work, GAUDI2, 0.5)
    assert cost.busy.mme == pytest.approx(gemm.engine_seconds / cost.seconds)
    assert cost.busy.hbm == pytest.approx(
        (cost.hbm_read_bytes + cost.hbm_write_bytes) / 2.091e12 / cost.seconds, rel=1e-3
    )
    assert cost.busy.nic == cost.busy.pcie == 0.0


def test_engines_together_never_exceed_the_hbm() -> None:
    g = GraphBuilder("streams")
    x = g.input("x", (1 << 22,), DataType.F32)
    y = g.input("y", (1 << 22,), DataType.F32)
    g.output(g.add(x, x), "sum")
    g.output(g.copy(y), "copy")
    recipe = compile_graph(g.build(), GAUDI2)
    cost = launch_cost(recipe, GAUDI2)
    assert cost.busy.hbm == 1.0
    assert cost.seconds == pytest.approx((cost.hbm_read_bytes + cost.hbm_write_bytes) / GAUDI2.hbm.bytes_per_s)
    assert max(span.end_s for span in cost.spans) == pytest.approx(cost.seconds)
    assert {span.engine for span in cost.spans} == {EngineClass.TPC, EngineClass.DMA}


def test_large_gemm_scales_with_the_clock() -> None:
    g = GraphBuilder("gemm")
    g.output(g.gemm(g.input("a", (4096, 4096), DataType.BF16), g.input("b", (4096, 4096), DataType.BF16)), "c")
    recipe = compile_graph(g.build(), GAUDI2)
    full, slow = launch_cost(recipe, GAUDI2), launch_cost(recipe, GAUDI2, 15 / 16)
    assert slow.seconds == pytest.approx(full.seconds * 16 / 15)
    assert full.busy.mme == slow.busy.mme == 1.0
    assert full.flops == 2 * 4096**3


def test_recipe_of_another_asic_is_refused() -> None:
    with pytest.raises(RecipeError, match="is for gaudi2, this card is a gaudi3"):
        launch_cost(two_branches(is_joined=True), load_spec("gaudi3"))


def test_empty_recipe_takes_no_time() -> None:
    cost = launch_cost(Recipe("empty", "gaudi2", (), 0, 0, ()), GAUDI2)
    assert (cost.seconds, cost.busy.as_tuple()) == (0.0, (0.0,) * 6)
