"""TPC, DMA, PCIe and ports: cycles, rates, and what the SoC clock does to them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.cost import (
    Bound,
    ElementwiseShape,
    Work,
    copy_work,
    elementwise_work,
    engine_clock_hz,
    nic_cost,
    operation_cost,
    pcie_bytes_per_s,
    pcie_cost,
)
from device.engine_class import EngineClass
from device.spec import load_spec

GAUDI2 = load_spec("gaudi2")


def unary(count: int, element_bytes: int) -> Work:
    return elementwise_work(ElementwiseShape(count, count, 1, element_bytes, element_bytes, 1), GAUDI2)


def binary(count: int, period: int, element_bytes: int) -> Work:
    return elementwise_work(ElementwiseShape(count, period, 2, element_bytes, element_bytes, 1), GAUDI2)


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
    work = copy_work(1 << 30, GAUDI2)
    cost = operation_cost(work, GAUDI2, 0.5)
    assert cost.seconds == operation_cost(work, GAUDI2).seconds
    assert (1 << 30) / cost.seconds == pytest.approx(1.04e12, rel=5e-3)


@pytest.mark.parametrize(
    ("size_bytes", "serial_bytes"),
    [(1, 1), (131072, 131072), (5 * 131072, 131072), (5 * 131072 + 7, 131072 + 7), (6 * 131072, 2 * 131072)],
)
def test_copy_lasts_as_long_as_the_largest_descriptor_of_each_round(size_bytes: int, serial_bytes: int) -> None:
    assert copy_work(size_bytes, GAUDI2).cycles == pytest.approx(serial_bytes / (128 * 0.93), abs=1)


def test_small_copy_pays_the_overhead() -> None:
    assert operation_cost(copy_work(128, GAUDI2), GAUDI2).seconds == pytest.approx(300e-9, rel=0.01)


def test_asic_without_compiler_dma_says_where_copies_run() -> None:
    with pytest.raises(ValueError, match="copies run on its TPC"):
        copy_work(1, load_spec("gaudi3"))


@given(st.integers(1, 10**8), st.integers(1, 10**8))
def test_more_bytes_never_take_less_time(a: int, b: int) -> None:
    small, large = sorted((a, b))
    assert copy_work(small, GAUDI2).cycles <= copy_work(large, GAUDI2).cycles


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
