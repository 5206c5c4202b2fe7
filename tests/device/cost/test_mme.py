"""The MME model against worked examples, and what the formulas promise for any shape."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from device.cost import (
    GemmShape,
    candidate_geometries,
    gemm_work,
    macs_per_second,
    operation_cost,
    plan_gemm,
    plan_geometry,
)
from device.spec import MmeType, load_spec

# ASIC, type, batch, (M, N, K), geometry, tile (W, H), concurrency, steps (fcd, sp, batch), constrained steps, cycles,
# microseconds, utilisation in percent. Computed by hand from the published formulas, not taken from the vendor's tool.
EXAMPLES = [
    ("gaudi2", "bf16", 1, (256, 256, 256), "2xh", (256, 512), 1, (1, 1, 1), 0, 256, 0.16, 50.0),
    ("gaudi2", "bf16", 1, (512, 512, 512), "2xh", (256, 512), 1, (2, 1, 1), 0, 1024, 0.62, 100.0),
    ("gaudi2", "bf16", 1, (1024, 1024, 1024), "2xh", (256, 512), 1, (4, 2, 1), 0, 8192, 4.96, 100.0),
    ("gaudi2", "bf16", 1, (2048, 2048, 2048), "2xh", (256, 512), 1, (8, 4, 1), 0, 65536, 39.72, 100.0),
    ("gaudi2", "bf16", 1, (4096, 4096, 4096), "2xh", (256, 512), 1, (16, 8, 1), 0, 524288, 317.75, 100.0),
    ("gaudi2", "bf16", 1, (16384, 16384, 16384), "2xh", (256, 512), 1, (64, 32, 1), 0, 33554432, 20336.02, 100.0),
    ("gaudi3", "bf16", 1, (256, 256, 256), "2xh", (512, 1024), 1, (1, 1, 1), 0, 512, 0.32, 6.2),
    ("gaudi3", "bf16", 1, (512, 512, 512), "2xw", (1024, 512), 1, (1, 1, 1), 0, 512, 0.32, 50.0),
    ("gaudi3", "bf16", 1, (1024, 1024, 1024), "2xw", (1024, 512), 1, (1, 2, 1), 0, 2048, 1.28, 100.0),
    ("gaudi3", "bf16", 1, (2048, 2048, 2048), "2xw", (1024, 512), 1, (2, 4, 1), 0, 16384, 10.24, 100.0),
    ("gaudi3", "bf16", 1, (4096, 4096, 4096), "2xw", (1024, 512), 1, (4, 8, 1), 0, 131072, 81.92, 100.0),
    ("gaudi3", "bf16", 1, (16384, 16384, 16384), "2xw", (1024, 512), 1, (16, 32, 1), 0, 8388608, 5242.88, 100.0),
    ("gaudi2", "bf16", 1, (14336, 15360, 2048), "2xh", (256, 512), 1, (60, 28, 1), 0, 3440640, 2085.24, 100.0),
    ("gaudi3", "bf16", 1, (16384, 4096, 768), "2xw", (1024, 512), 1, (4, 32, 1), 0, 98304, 61.44, 100.0),
    ("gaudi2", "bf16", 1, (16, 4096, 4096), "4xw", (1024, 128), 1, (4, 1, 1), 1, 20480, 12.41, 10.0),
    ("gaudi2", "bf16", 1, (128, 4096, 4096), "4xw", (1024, 128), 1, (4, 1, 1), 1, 20480, 12.41, 80.0),
    ("gaudi2", "bf16", 1, (128, 11008, 4096), "4xw", (1024, 128), 1, (11, 1, 1), 1, 49152, 29.79, 89.6),
    ("gaudi2", "bf16", 1, (4096, 64, 4096), "4xh", (128, 1024), 1, (1, 4, 1), 1, 20480, 12.41, 40.0),
    ("gaudi2", "bf16", 1, (4096, 1000, 1024), "2xh", (256, 512), 1, (4, 8, 1), 0, 32768, 19.86, 97.7),
    ("gaudi2", "bf16", 1, (100, 100, 100), "2xh", (256, 512), 1, (1, 1, 1), 0, 256, 0.16, 3.0),
    ("gaudi3", "bf16", 1, (16, 4096, 4096), "4xw", (2048, 256), 1, (2, 1, 1), 0, 8192, 5.12, 6.2),
    ("gaudi3", "bf16", 1, (128, 11008, 4096), "4xw", (2048, 256), 1, (6, 1, 1), 0, 24576, 15.36, 44.8),
    ("gaudi3", "bf16", 1, (4096, 64, 4096), "4xh", (256, 2048), 1, (1, 2, 1), 0, 8192, 5.12, 25.0),
    ("gaudi3", "bf16", 1, (4096, 1000, 1024), "2xw", (1024, 512), 1, (1, 8, 1), 0, 8192, 5.12, 97.7),
    ("gaudi3", "bf16", 1, (100, 100, 100), "2xh", (512, 1024), 1, (1, 1, 1), 0, 512, 0.32, 0.4),
    ("gaudi2", "bf16", 32, (128, 128, 64), "2xh", (128, 128), 4, (1, 1, 8), 0, 2048, 1.24, 12.5),
    ("gaudi3", "bf16", 32, (128, 128, 64), "4xh", (128, 128), 16, (1, 1, 2), 0, 1024, 0.64, 6.2),
    ("gaudi2", "bf16", 128, (64, 64, 64), "2xh", (64, 64), 8, (1, 1, 16), 0, 4096, 2.48, 6.2),
    ("gaudi3", "bf16", 128, (64, 64, 64), "4xh", (128, 128), 16, (1, 1, 8), 0, 4096, 2.56, 1.6),
    ("gaudi2", "bf16", 96, (512, 64, 512), "2xh", (256, 512), 1, (1, 1, 96), 0, 49152, 29.79, 25.0),
    ("gaudi3", "bf16", 96, (512, 64, 512), "4xh", (256, 512), 4, (1, 1, 24), 0, 12288, 7.68, 25.0),
    ("gaudi2", "fp8", 1, (4096, 4096, 4096), "2xh", (256, 512), 1, (16, 8, 1), 0, 262144, 158.88, 100.0),
    ("gaudi2", "fp16", 1, (4096, 4096, 4096), "2xh", (256, 512), 1, (16, 8, 1), 0, 524288, 317.75, 100.0),
    ("gaudi2", "tf32", 1, (4096, 4096, 4096), "2xh", (256, 512), 1, (16, 8, 1), 0, 1048576, 635.50, 100.0),
    ("gaudi2", "fp32", 1, (4096, 4096, 4096), "2xh", (256, 512), 1, (16, 8, 1), 0, 2097152, 1271.00, 100.0),
    ("gaudi2", "fp32_ieee", 1, (4096, 4096, 4096), "2xh", (256, 512), 1, (16, 8, 1), 0, 4194304, 2542.00, 100.0),
    ("gaudi3", "fp8", 1, (4096, 4096, 4096), "2xw", (1024, 512), 1, (4, 8, 1), 0, 131072, 81.92, 100.0),
    ("gaudi3", "fp16", 1, (4096, 4096, 4096), "2xw", (1024, 512), 1, (4, 8, 1), 0, 524288, 327.68, 100.0),
    ("gaudi3", "tf32", 1, (4096, 4096, 4096), "2xw", (1024, 512), 1, (4, 8, 1), 0, 524288, 327.68, 100.0),
    ("gaudi3", "fp32", 1, (4096, 4096, 4096), "2xw", (1024, 512), 1, (4, 8, 1), 0, 1048576, 655.36, 100.0),
]

SHAPES = st.builds(
    GemmShape,
    m=st.integers(1, 5000),
    n=st.integers(1, 5000),
    k=st.integers(1, 5000),
    batch=st.integers(1, 9),
    transpose_a=st.booleans(),
    transpose_b=st.booleans(),
)


@pytest.mark.parametrize(
    (
        "asic",
        "mme_type",
        "batch",
        "mnk",
        "geometry",
        "tile",
        "concurrency",
        "steps",
        "constrained",
        "cycles",
        "us",
        "util",
    ),
    EXAMPLES,
)
def test_worked_example(asic, mme_type, batch, mnk, geometry, tile, concurrency, steps, constrained, cycles, us, util):
    spec = load_spec(asic)
    shape = GemmShape(*mnk, batch=batch)
    plan = plan_gemm(shape, MmeType(mme_type), spec.mme)
    assert (plan.geometry, plan.tile_width, plan.tile_height) == (geometry, *tile)
    assert plan.concurrency == concurrency
    assert (plan.fcd_steps, plan.sp_steps, plan.batch_steps) == steps
    assert (plan.constrained_steps, plan.cycles) == (constrained, cycles)
    assert round(100 * plan.utilisation, 1) == pytest.approx(util, abs=0.051)
    work = gemm_work(plan, shape, MmeType(mme_type), output_size_bytes=2)
    assert operation_cost(work, spec).engine_seconds * 1e6 == pytest.approx(us, abs=0.00501)


@given(SHAPES, st.sampled_from(["gaudi2", "gaudi3"]))
def test_no_shape_beats_the_peak_and_the_choice_is_the_fastest(shape: GemmShape, asic: str) -> None:
    mme = load_spec(asic).mme
    plan = plan_gemm(shape, MmeType.BF16, mme)
    others = [plan_geometry(shape, MmeType.BF16, geometry, mme) for geometry in candidate_geometries(shape, mme)]
    assert 0.0 < plan.utilisation <= 1.0
    assert plan.cycles == min(other.cycles for other in others)


@given(SHAPES)
def test_a_step_that_loads_a_transposed_operand_is_never_slower(shape: GemmShape) -> None:
    """But with few rows, where only an A that lies straight has the spare port."""
    mme = load_spec("gaudi2").mme
    assume(shape.m > 192)
    plain = GemmShape(shape.m, shape.n, shape.k, shape.batch)
    assert plan_gemm(shape, MmeType.BF16, mme).cycles <= plan_gemm(plain, MmeType.BF16, mme).cycles


def test_transposed_b_shortens_the_constrained_step_of_a_narrow_gemm() -> None:
    mme = load_spec("gaudi2").mme
    geometry = mme.geometry("4xh")
    plain = plan_geometry(GemmShape(4096, 16, 4096), MmeType.BF16, geometry, mme)
    transposed = plan_geometry(GemmShape(4096, 16, 4096, transpose_b=True), MmeType.BF16, geometry, mme)
    assert (plain.cycles, transposed.cycles) == (5 * 4096, 4 * 4096 + 1024)


def test_fp8_tile_of_a_batch_depends_on_the_transpose() -> None:
    mme = load_spec("gaudi2").mme
    geometry = mme.geometry("4xh")
    plain = plan_geometry(GemmShape(256, 64, 64, batch=8), MmeType.FP8, geometry, mme)
    transposed = plan_geometry(GemmShape(256, 64, 64, batch=8, transpose_b=True), MmeType.FP8, geometry, mme)
    assert (plain.concurrency, transposed.concurrency) == (2, 4)


def test_broadcast_b_halves_the_columns_that_a_small_gemm_takes_on_gaudi3() -> None:
    mme = load_spec("gaudi3").mme
    shape = GemmShape(128, 256, 64, batch=32, is_b_broadcast=True)
    plan = plan_gemm(shape, MmeType.BF16, mme)
    assert (plan.tile_width, plan.tile_height, plan.concurrency) == (256, 128, 16)


def test_idle_engines_share_the_common_dimension_of_a_single_small_gemm() -> None:
    spec = load_spec("gaudi3")
    shape = GemmShape(128, 128, 65536)
    plan = plan_gemm(shape, MmeType.BF16, spec.mme)
    assert (plan.concurrency, plan.cd_concurrency, plan.cycles) == (1, 8, 65536 // 8)
    work = gemm_work(plan, shape, MmeType.BF16, 2)
    assert work.sram_bytes == 7 * 128 * 128 * 4
    assert plan_gemm(GemmShape(128, 128, 512), MmeType.BF16, spec.mme).cycles == spec.mme.roll_up_cycles


def test_the_batch_is_preferred_to_the_common_dimension_unless_that_is_accelerated_more() -> None:
    mme = load_spec("gaudi3").mme
    geometry = mme.geometry("2xh")
    few = plan_geometry(GemmShape(128, 128, 65536, batch=2), MmeType.BF16, geometry, mme)
    many = plan_geometry(GemmShape(128, 128, 65536, batch=16), MmeType.BF16, geometry, mme)
    assert (few.concurrency, few.cd_concurrency, few.cycles) == (1, 8, 2 * 65536 // 8)
    assert (many.concurrency, many.cd_concurrency, many.cycles) == (16, 1, 65536)


def test_a_tall_geometry_with_few_rows_has_a_port_to_spare() -> None:
    mme = load_spec("gaudi2").mme
    geometry = mme.geometry("4xh")
    for shape, mme_type, constrained in [
        (GemmShape(192, 512, 4096), MmeType.BF16, 0),
        (GemmShape(193, 512, 4096), MmeType.BF16, 1),
        (GemmShape(192, 512, 4096, transpose_a=True), MmeType.BF16, 1),
        (GemmShape(192, 512, 4096), MmeType.FP8, 1),
    ]:
        assert plan_geometry(shape, mme_type, geometry, mme).constrained_steps == constrained


def test_constrained_steps_of_a_convolution_count_twice() -> None:
    mme = load_spec("gaudi2").mme
    geometry = mme.geometry("4xw")
    gemm, convolution = (
        plan_geometry(GemmShape(1000, 4096, 4096, is_convolution=flag), MmeType.BF16, geometry, mme)
        for flag in (False, True)
    )
    assert convolution.cycles == gemm.cycles + gemm.constrained_steps * 4096


@pytest.mark.parametrize(
    ("mnk", "geometry", "a_fetches", "b_fetches"),
    [
        ((4096, 4096, 64), "2xh", 1, 8),
        ((4096, 100, 64), "2xh", 1, 1),
        ((4096, 4096, 64), "4xw", 4, 1),
        ((100, 4096, 64), "4xw", 1, 1),
    ],
)
def test_the_walk_keeps_one_operand_and_fetches_the_other_again(mnk, geometry, a_fetches, b_fetches) -> None:
    mme = load_spec("gaudi2").mme
    plan = plan_geometry(GemmShape(*mnk), MmeType.BF16, mme.geometry(geometry), mme)
    assert (plan.a_fetches, plan.b_fetches) == (a_fetches, b_fetches)


def test_type_that_the_asic_lacks_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="does not multiply fp32_ieee; it has fp8, bf16"):
        plan_gemm(GemmShape(1, 1, 1), MmeType.FP32_IEEE, load_spec("gaudi3").mme)


def test_published_best_gemms_leave_room_for_the_clock_to_explain_them() -> None:
    """418.7 and 1243 TFLOP/s are below the model at full clock, by the sixteenths that power takes."""
    for asic, mnk, tflops in (("gaudi2", (14336, 15360, 2048), 418.7), ("gaudi3", (16384, 4096, 768), 1243.0)):
        spec = load_spec(asic)
        shape = GemmShape(*mnk)
        work = gemm_work(plan_gemm(shape, MmeType.BF16, spec.mme), shape, MmeType.BF16, 2)
        full = work.flops / operation_cost(work, spec).seconds / 1e12
        slow = work.flops / operation_cost(work, spec, 11 / 16).seconds / 1e12
        assert slow < tflops < full
        assert full == pytest.approx(2 * macs_per_second(MmeType.BF16, spec) / 1e12)


def test_bytes_count_each_operand_once() -> None:
    shape = GemmShape(3, 5, 7, batch=2)
    work = gemm_work(plan_gemm(shape, MmeType.BF16, load_spec("gaudi2").mme), shape, MmeType.BF16, 4, bias_bytes=20)
    assert work.hbm_read_bytes == 2 * (3 * 7 + 7 * 5) * 2 + 20
    assert work.hbm_write_bytes == 2 * 3 * 5 * 4
    assert work.flops == 2 * 2 * 3 * 5 * 7
