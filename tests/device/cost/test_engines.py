"""TPC, DMA, PCIe and ports: cycles, rates, and what the SoC clock does to them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.cost import (
    Bound,
    CopyShape,
    ElementwiseShape,
    RowShape,
    Work,
    copy_work,
    elementwise_work,
    engine_clock_hz,
    fill_work,
    nic_cost,
    operation_cost,
    pcie_bytes_per_s,
    pcie_cost,
    row_work,
)
from device.engine_class import EngineClass
from device.spec import load_spec

GAUDI2 = load_spec("gaudi2")


def unary(count: int, element_bytes: int) -> Work:
    shape = ElementwiseShape(count, 1, count * element_bytes, element_bytes, element_bytes, 1, 1)
    return elementwise_work(shape, GAUDI2)


def binary(count: int, period: int, element_bytes: int) -> Work:
    read_bytes = (count + period) * element_bytes
    return elementwise_work(ElementwiseShape(count, 2, read_bytes, element_bytes, element_bytes, 1, 1), GAUDI2)


def linear(size_bytes: int) -> Work:
    return copy_work(CopyShape(1, size_bytes, size_bytes), GAUDI2)


def test_one_vector_and_one_element_cost_the_same() -> None:
    one = unary(1, 4)
    vector = unary(64, 4)
    assert one.cycles == vector.cycles == 4


def test_work_is_dealt_out_to_all_cores_in_vectors() -> None:
    full = unary(24 * 128, 2)
    more = unary(24 * 128 + 1, 2)
    assert (full.cycles, more.cycles) == (4, 8)


def test_second_input_costs_loads_but_only_its_own_bytes() -> None:
    add = binary(6400, 64, 4)
    relu = unary(6400, 4)
    assert add.cycles == 2 * relu.cycles
    assert add.hbm_read_bytes == (6400 + 64) * 4


def test_large_elementwise_operation_is_bound_by_memory_and_ignores_the_clock() -> None:
    work = binary(2**26, 2**26, 2)
    fast, slow = operation_cost(work, GAUDI2), operation_cost(work, GAUDI2, 15 / 16)
    assert fast.bound is Bound.HBM
    assert fast.seconds == slow.seconds == pytest.approx(3 * 2**27 / GAUDI2.hbm.bytes_per_s)
    assert fast.busy.hbm == 1.0
    assert fast.busy.tpc < slow.busy.tpc < 1.0


def test_large_copy_runs_at_the_rate_of_the_dma_and_ignores_the_clock() -> None:
    work = linear(1 << 30)
    cost = operation_cost(work, GAUDI2, 0.5)
    assert cost.seconds == operation_cost(work, GAUDI2).seconds
    assert (1 << 30) / cost.seconds == pytest.approx(1.04e12, rel=5e-3)


@pytest.mark.parametrize(
    ("size_bytes", "serial_bytes"),
    [(1, 1), (131072, 131072), (5 * 131072, 131072), (5 * 131072 + 7, 131072 + 7), (6 * 131072, 2 * 131072)],
)
def test_copy_lasts_as_long_as_the_largest_descriptor_of_each_round(size_bytes: int, serial_bytes: int) -> None:
    assert linear(size_bytes).cycles == pytest.approx(serial_bytes / (128 * 0.93), abs=1)


def test_small_copy_pays_the_overhead() -> None:
    assert operation_cost(linear(128), GAUDI2).seconds == pytest.approx(300e-9, rel=0.01)


def test_asic_without_compiler_dma_copies_and_fills_on_its_tpc() -> None:
    shape = CopyShape(1, 1 << 20, 1 << 20)
    gaudi3 = load_spec("gaudi3")
    assert copy_work(shape, gaudi3).engine is EngineClass.TPC
    assert fill_work(1 << 20, gaudi3).engine is EngineClass.TPC


def test_strided_copy_moves_whole_lines_but_only_its_bytes_cross_the_hbm() -> None:
    strided = copy_work(CopyShape(1000, 4, 4000), GAUDI2)
    assert strided.cycles == linear(1000 * 128).cycles
    assert (strided.hbm_read_bytes, strided.hbm_write_bytes) == (4000, 4000)


def test_fill_reads_nothing_and_a_large_one_goes_to_the_tpc() -> None:
    small, large = fill_work(100_000_000, GAUDI2), fill_work(100_000_001, GAUDI2)
    assert (small.engine, small.fixed_ns, small.hbm_read_bytes) == (EngineClass.DMA, 150, 0)
    assert (large.engine, large.hbm_write_bytes) == (EngineClass.TPC, 100_000_001)


def test_program_with_many_steps_is_bound_by_the_vector_unit() -> None:
    plain = ElementwiseShape(64, 1, 256, 4, 4, 1, 1)
    assert elementwise_work(plain, GAUDI2).cycles == 4
    assert elementwise_work(replace(plain, vector_steps=24), GAUDI2).cycles == 24


def test_rows_are_dealt_out_whole_and_cross_the_hbm_once() -> None:
    shape = RowShape(25, 256, 4, 3, 30, 10, 64, is_reduction=False)
    work = row_work(shape, GAUDI2)
    assert work.cycles == 2 * (4 * 30 + 18)
    assert (work.hbm_read_bytes, work.hbm_write_bytes) == (25 * 256 * 4 + 64, 25 * 256 * 4)
    assert row_work(replace(shape, is_reduction=True), GAUDI2).hbm_write_bytes == 25 * 4
    assert row_work(replace(shape, rows=24), GAUDI2).cycles == 138


@given(st.integers(1, 10**8), st.integers(1, 10**8))
def test_more_bytes_never_take_less_time(a: int, b: int) -> None:
    small, large = sorted((a, b))
    assert linear(small).cycles <= linear(large).cycles


@pytest.mark.parametrize(
    ("generation", "lanes", "gigabytes"), [(3, 16, 15.75), (4, 16, 31.51), (5, 16, 63.02), (4, 8, 15.75)]
)
def test_pcie_rate_follows_generation_and_width(generation: int, lanes: int, gigabytes: float) -> None:
    rate = pcie_bytes_per_s(GAUDI2, generation, lanes) / GAUDI2.pcie.efficiency
    assert rate == pytest.approx(gigabytes * 1e9, rel=1e-3)


def test_degraded_link_lengthens_a_copy_in_proportion() -> None:
    full = pcie_cost(1 << 30, GAUDI2, generation=4, lanes=16, is_upload=True)
    half = pcie_cost(1 << 30, GAUDI2, generation=4, lanes=8, is_upload=True)
    assert half.seconds / full.seconds == pytest.approx(2.0, rel=1e-3)
    assert full.work.hbm_write_bytes == 1 << 30
    assert full.busy.pcie == 1.0
    with pytest.raises(ValueError, match="generation 6"):
        pcie_bytes_per_s(GAUDI2, 6, 16)


def test_ports_are_full_duplex_and_add_up() -> None:
    one = nic_cost(10**9, 10**9, 1, GAUDI2)
    assert 1e9 / one.seconds == pytest.approx(12.5e9 * 0.9838)
    assert nic_cost(10**9, 0, 21, GAUDI2).seconds == pytest.approx(one.seconds / 21)
    with pytest.raises(ValueError, match="25 ports; a gaudi2 has 24"):
        nic_cost(1, 1, 25, GAUDI2)


def test_soc_clock_slows_compute_in_proportion() -> None:
    work = Work(EngineClass.MME, 1_650_000, 0, 0, 0, 0)
    assert operation_cost(work, GAUDI2).seconds == pytest.approx(1e-3)
    assert operation_cost(work, GAUDI2, 0.25).seconds == pytest.approx(4e-3)


@pytest.mark.parametrize("ratio", [0.0, -1.0, 1.01, float("nan")])
def test_clock_ratio_outside_its_range_is_refused(ratio: float) -> None:
    with pytest.raises(ValueError, match="clock ratio"):
        engine_clock_hz(EngineClass.MME, GAUDI2, ratio)


def test_links_have_no_cycles() -> None:
    with pytest.raises(ValueError, match="NIC has no cycles"):
        engine_clock_hz(EngineClass.NIC, GAUDI2)
