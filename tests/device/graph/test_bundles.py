"""Bundles: slices change no bit, keep engines busy at a time, and what passes between them stays on the chip."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from machine import Machine
from random_graphs import SEEDS, SPECS, random_graph, random_values, same_bits

from device.cost import operation_cost
from device.dtypes import DataType
from device.engine_class import EngineClass
from device.graph import PIPELINE, ConvolutionParams, Graph, GraphBuilder, compile_graph, run_pipeline
from device.graph.bundles import SEED_GUIDS, Bundle, BundlePlan, find_bundles, plan_bundle, sliced
from device.graph.interpret import interpret
from device.graph.passes import plan_sram, verify_and_infer
from device.graph.passes.plan_sram import sram_bytes, sram_capacity
from device.recipe import (
    ConvolutionOp,
    Copy,
    MmeGemm,
    Place,
    Recipe,
    TpcElementwise,
    check_sync,
    launch_cost,
    uncovered_hazards,
    validate,
)
from device.spec import AsicSpec, load_spec

BF16, F32 = DataType.BF16, DataType.F32
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
GAUDI2, GAUDI3 = load_spec("gaudi2"), load_spec("gaudi3")


def gemm_with_epilogue(m: int, n: int, k: int, kind: str, transpose_b: bool = False) -> Graph:
    """ "gelu" in bf16, "wide" in fp32 with a cast, "residual" with a second operand, "rows" is a softmax."""
    g = GraphBuilder("dense")
    a, b = g.input("a", (k, m), BF16), g.input("b", (k, n) if transpose_b else (n, k), BF16)
    t = g.gemm(a, b, None, False, transpose_b, dtype=F32 if kind == "wide" else BF16)
    if kind == "rows":
        t = g.softmax(t)
    elif kind == "residual":
        t = g.add(g.gelu(t), g.input("r", (n, m), BF16))
    else:
        t = g.gelu(t)
    g.output(g.cast(t, BF16) if kind == "wide" else t, "y")
    return g.build()


def engine_seconds(recipe: Recipe, spec: AsicSpec) -> dict[EngineClass, float]:
    """How long each engine would take for its descriptors alone."""
    seconds: dict[EngineClass, float] = {}
    for step in recipe.in_order:
        seconds[step.engine] = seconds.get(step.engine, 0.0) + operation_cost(step.work, spec).seconds
    return seconds


SHAPES = [(4096, 4096, 4096), (8192, 8192, 1024), (2048, 16384, 4096), (128, 11008, 4096), (16384, 1024, 4096)]


@pytest.mark.parametrize("kind", ["gelu", "wide", "residual"])
@pytest.mark.parametrize("mnk", SHAPES, ids=str)
@pytest.mark.parametrize("skip", [(), ("fuse_elementwise",)], ids=["fused", "unfused"])
@pytest.mark.parametrize("spec", [GAUDI2, GAUDI3], ids=lambda spec: spec.name)
def test_a_gemm_with_epilogue_takes_hardly_longer_than_the_slower_engine_alone(spec, mnk, kind, skip) -> None:
    graph = gemm_with_epilogue(*mnk, kind)
    if spec is GAUDI3 and kind == "residual" and mnk[0] < mnk[1] / 4:
        pytest.skip("cut by columns; without a DMA the TPC itself gathers the residual and spreads the result")
    assert sum(tensor.size_bytes for tensor in graph.inputs + graph.outputs) > spec.sram.size_bytes * 0.9
    whole = compile_graph(graph, spec, skip=["slice_bundles", *skip])
    recipe = compile_graph(graph, spec, skip=skip)
    slower_s = max(engine_seconds(whole, spec).values())
    seconds = launch_cost(recipe, spec).seconds
    assert seconds <= launch_cost(whole, spec).seconds
    assert seconds <= 1.15 * slower_s


def test_slices_are_descriptors_of_their_own_with_their_own_sync_values() -> None:
    recipe = compile_graph(gemm_with_epilogue(4096, 4096, 4096, "gelu"), GAUDI2)
    gemms = [step for step in recipe.in_order if isinstance(step, MmeGemm)]
    programs = [step for step in recipe.in_order if isinstance(step, TpcElementwise)]
    assert len(gemms) == len(programs) >= GAUDI2.bundle.min_slices
    assert sum(gemm.m * gemm.n for gemm in gemms) == 4096 * 4096
    for gemm, program in zip(gemms, programs, strict=True):
        assert program.inputs[0] == gemm.c
        assert gemm.c.place is Place.SRAM
        assert gemm.signal in program.waits
    assert gemms[1].c != gemms[0].c
    check_sync(recipe)


def test_the_mme_works_on_the_next_slice_while_the_tpc_works_on_this_one() -> None:
    recipe = compile_graph(gemm_with_epilogue(4096, 4096, 4096, "gelu"), GAUDI2)
    spans = launch_cost(recipe, GAUDI2).spans
    mme = [span for span in spans if span.engine is EngineClass.MME]
    tpc = [span for span in spans if span.engine is EngineClass.TPC]
    for number in range(1, len(mme) - 1):
        assert mme[number].start_s < tpc[number - 1].end_s
        assert tpc[number - 1].start_s < mme[number].end_s


def test_columns_are_cut_where_there_are_few_rows_and_the_dma_spreads_the_result() -> None:
    recipe = compile_graph(gemm_with_epilogue(128, 11008, 4096, "wide"), GAUDI2)
    copies = [step for step in recipe.in_order if isinstance(step, Copy) and step.destination.tensor is not None]
    gemms = [step for step in recipe.in_order if isinstance(step, MmeGemm)]
    assert {gemm.b_pitch for gemm in gemms} == {11008}
    assert len(copies) == len(gemms)
    assert all(copy.engine is EngineClass.DMA and copy.source.place is Place.SRAM for copy in copies)


def test_a_chip_with_a_cache_gets_hints_instead_of_copies() -> None:
    recipe = compile_graph(gemm_with_epilogue(4096, 4096, 4096, "gelu"), GAUDI3)
    gemms = [step for step in recipe.in_order if isinstance(step, MmeGemm)]
    assert recipe.sram_bytes == 0
    assert {gemm.c.place for gemm in gemms} == {Place.CACHE}
    assert [gemm.b.place for gemm in gemms] == [Place.HBM, *[Place.CACHE] * (len(gemms) - 1)]
    assert not any(isinstance(step, Copy) for step in recipe.in_order)
    assert launch_cost(recipe, GAUDI3).hbm_read_bytes == 2 * 4096 * 4096 * 2


def test_what_stays_on_the_chip_does_not_cross_the_hbm() -> None:
    graph = gemm_with_epilogue(4096, 4096, 4096, "gelu")
    whole, cut = (compile_graph(graph, GAUDI2, skip=skip) for skip in (["slice_bundles"], []))
    before, after = launch_cost(whole, GAUDI2), launch_cost(cut, GAUDI2)
    assert after.hbm_write_bytes == before.hbm_write_bytes - 4096 * 4096 * 2
    assert after.sram_bytes >= 2 * 4096 * 4096 * 2
    assert after.flops == before.flops


def test_a_plain_gemm_and_a_small_one_stay_whole() -> None:
    g = GraphBuilder("plain")
    a, b = g.input("a", (4096, 4096), BF16), g.input("b", (4096, 4096), BF16)
    g.output(g.relu(g.gemm(a, b, dtype=BF16)), "y")
    assert len(compile_graph(g.build(), GAUDI2).in_order) == 1
    assert len(compile_graph(gemm_with_epilogue(64, 64, 64, "gelu"), GAUDI2).in_order) == 2


def scheduled(graph: Graph, spec: AsicSpec) -> Graph:
    """As the pass slice_bundles gets it."""
    for entry in PIPELINE:
        if entry.name == "slice_bundles":
            break
        graph = entry.run(graph, spec)
    return graph


def bundles_of(graph: Graph) -> list[Bundle]:
    return [bundle for node in graph.nodes if node.guid in SEED_GUIDS for bundle in find_bundles(graph, node)]


def test_attention_is_cut_along_its_heads_and_products_on_both_sides_of_the_softmax_go_together() -> None:
    g = GraphBuilder("attention")
    q, k, v = (g.input(name, (64, 128, 12), BF16) for name in "qkv")
    weights = g.cast(g.softmax(g.mul(g.batch_gemm(q, k, False, True), g.constant(0.125, (1,), F32))), BF16)
    g.output(g.batch_gemm(weights, v, dtype=BF16), "y")
    graph = scheduled(g.build(), GAUDI2)
    bundle = bundles_of(graph)[0]
    assert bundle.nodes[0].guid == bundle.nodes[-1].guid == "batch_gemm"
    assert len(bundle.nodes) == len(graph.nodes)
    assert set(bundle.dims.values()) == {2}
    assert bundle.extent == 12


def test_a_convolution_is_cut_along_its_images_and_overlaps_with_what_follows() -> None:
    g = GraphBuilder("convolution")
    x, w = g.input("x", (64, 56, 56, 64), BF16), g.input("w", (128, 64, 3, 3), BF16)
    g.output(g.gelu(g.convolution(x, w, padding=1, dtype=BF16)), "y")
    whole, cut = (compile_graph(g.build(), GAUDI2, skip=skip) for skip in (["slice_bundles"], []))
    convolutions = [step for step in cut.in_order if step.engine is EngineClass.MME]
    assert len(convolutions) >= GAUDI2.bundle.min_slices
    assert {step.writes[0].place for step in convolutions} == {Place.SRAM}
    check_sync(cut)
    slower_s = max(engine_seconds(whole, GAUDI2).values())
    assert launch_cost(cut, GAUDI2).seconds <= 1.15 * slower_s < launch_cost(whole, GAUDI2).seconds


def test_a_tensor_that_is_read_whole_and_in_slices_is_not_cut() -> None:
    g = GraphBuilder("square")
    a, x = g.input("a", (64, 64), BF16), g.input("x", (64, 64), BF16)
    g.output(g.mul(g.gemm(a, x, dtype=BF16), x), "y")
    by_rows = [bundle for bundle in bundles_of(scheduled(g.build(), GAUDI2)) if bundle.dims[bundle.nodes[0].outputs[0]]]
    assert not any("x" in bundle.dims for bundle in by_rows)


def random_plan(bundle: Bundle, rng: random.Random) -> BundlePlan:
    extent = rng.randint(-(-bundle.extent // 8), bundle.extent)
    resident = tuple(name for name in bundle.shared if rng.random() < 0.5)
    slices = -(-bundle.extent // extent)
    return BundlePlan(bundle, extent, rng.random() < 0.7, resident, rng.randrange(slices + 1), 0.0, 0.0)


def randomly_sliced(graph: Graph, spec: AsicSpec, rng: random.Random) -> Graph:
    graph = scheduled(graph, spec)
    for seed in [node for node in graph.nodes if node.guid in SEED_GUIDS]:
        if seed in graph.nodes and (found := find_bundles(graph, seed)):
            graph = sliced(graph, random_plan(rng.choice(found), rng), spec)
    return graph


def bundled_graph(seed: int) -> Graph:
    """Random, but most have something that can be cut."""
    for attempt in range(seed, seed + 20):
        graph = random_graph(random.Random(attempt))
        if bundles_of(scheduled(graph, GAUDI2)):
            break
    return verify_and_infer(graph)


@given(SEEDS, SPECS)
@FEW
def test_any_slices_and_any_allowed_order_change_no_bit(seed, spec) -> None:
    graph, rng = bundled_graph(seed), random.Random(seed)
    values = random_values(graph, np.random.default_rng(seed))
    cut = randomly_sliced(graph, spec, rng)
    with np.errstate(all="ignore"):
        wanted = interpret(graph, values)
        assert same_bits(wanted, interpret(verify_and_infer(cut), values))
        recipe = compile_graph(cut, spec, skip=["slice_bundles"])
        validate(recipe)
        check_sync(recipe)
        got = Machine(recipe, values, rng).run()
    assert same_bits({name: value.reshape(-1) for name, value in wanted.items()}, got)


@pytest.mark.parametrize("extent", [1, 2, 5])
@pytest.mark.parametrize("is_gradient", [False, True])
def test_slices_of_a_convolution_change_no_bit(extent: int, is_gradient: bool) -> None:
    g = GraphBuilder("convolution")
    x, w = g.input("x", (4, 6, 5, 5), BF16), g.input("w", (4, 4, 3, 3), BF16)
    if is_gradient:
        params = ConvolutionParams((3, 3), padding=(1, 1, 1, 1), size=(6, 5))
        result = g.convolution_node(ConvolutionOp.DEDX, (x, w), params, BF16)
    else:
        result = g.convolution(x, w, padding=1, dtype=BF16)
    g.output(g.gelu(result), "y")
    graph = scheduled(g.build(), GAUDI2)
    (bundle,) = bundles_of(graph)
    assert (bundle.extent, set(bundle.dims.values())) == (5, {3})
    cut = sliced(graph, BundlePlan(bundle, extent, True, ("w",), 1, 0.0, 0.0), GAUDI2)
    values = random_values(graph, np.random.default_rng(3))
    with np.errstate(all="ignore"):
        wanted = interpret(graph, values)
        got = Machine(compile_graph(cut, GAUDI2, skip=["slice_bundles"]), values, random.Random(extent)).run()
    assert same_bits({name: value.reshape(-1) for name, value in wanted.items()}, got)


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_no_wait_between_slices_is_there_in_vain_and_none_is_missing(seed) -> None:
    recipe = compile_graph(randomly_sliced(bundled_graph(seed), GAUDI2, random.Random(seed)), GAUDI2)
    assert uncovered_hazards(recipe) == ()
    for step in recipe.in_order:
        for wait in step.waits:
            fewer = replace(step, waits=tuple(other for other in step.waits if other != wait))
            queues = tuple(
                replace(queue, descriptors=tuple(fewer if each is step else each for each in queue.descriptors))
                for queue in recipe.queues
            )
            assert uncovered_hazards(replace(recipe, queues=queues))


@given(SEEDS)
@FEW
def test_a_graph_with_slices_goes_through_the_passes_unchanged(seed) -> None:
    cut = run_pipeline(randomly_sliced(bundled_graph(seed), GAUDI2, random.Random(seed)), GAUDI2)
    assert run_pipeline(cut, GAUDI2, verify_each=True) == cut


@given(st.integers(1, 40), st.integers(0, 2**32))
@FEW
def test_tensors_that_live_at_a_time_never_share_bytes_of_the_sram(kibibytes: int, seed: int) -> None:
    spec = replace(
        GAUDI2, sram=replace(GAUDI2.sram, size_bytes=GAUDI2.bundle.capacity_reserve_bytes + kibibytes * 1024)
    )
    cut = plan_sram(randomly_sliced(bundled_graph(seed), spec, random.Random(seed)), spec)
    placed = [tensor for tensor in cut.tensors if tensor.place is Place.SRAM]
    assert sram_bytes(cut) <= max(sram_capacity(spec), 0)
    uses = {tensor.name: [] for tensor in placed}
    for place, node in enumerate(cut.nodes):
        for name in (*node.inputs, *node.outputs):
            if name in uses:
                uses[name].append(place)
    for tensor in placed:
        for other in placed:
            if (
                tensor is other
                or uses[tensor.name][-1] < uses[other.name][0]
                or uses[other.name][-1] < uses[tensor.name][0]
            ):
                continue
            start, other_start = tensor.workspace_offset, other.workspace_offset
            assert start + tensor.size_bytes <= other_start or other_start + other.size_bytes <= start


def test_the_estimate_is_close_to_the_time_line() -> None:
    """It charges each slice with an overhead that the time line does not know."""
    for mnk in SHAPES:
        graph = scheduled(gemm_with_epilogue(*mnk, "gelu"), GAUDI2)
        for bundle in bundles_of(graph):
            plan = plan_bundle(graph, bundle, GAUDI2)
            if plan is None:
                continue
            recipe = compile_graph(sliced(graph, plan, GAUDI2), GAUDI2, skip=["slice_bundles"])
            overhead_s = plan.slices * GAUDI2.bundle.slice_overhead_cycles / (GAUDI2.mme.clock_mhz * 1e6)
            assert launch_cost(recipe, GAUDI2).seconds == pytest.approx(plan.seconds - overhead_s, rel=0.12)
