"""memory_bw, pci_bw and hbm_bandwidth: what they measure, and the faults that make them fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from memory_runs import MemoryRun, memory_run

from device.faults import find_fault, inject
from device.spec import load_spec
from hl_qual.limits import load_limits
from hl_qual.outcome import Outcome, Verdict
from hl_qual.plugins.link_limits import link_limit
from hl_qual.plugins.memory_bandwidth import chosen_parts

MIB = 1 << 20
GAUDI2_TESTS = {
    "host_to_hbm",
    "hbm_to_host",
    "hbm_and_host",
    "host_to_sram",
    "sram_to_host",
    "sram_and_host",
    *(f"{route}_single" for route in ("hbm_to_hbm", "sram_to_hbm", "hbm_to_sram")),
    *(f"{route}_multi" for route in ("hbm_to_hbm", "sram_to_hbm", "hbm_to_sram")),
}


@pytest.fixture
def run(box: Any, tmp_path: Path) -> Iterator[MemoryRun]:
    with memory_run(box.path, tmp_path, 512 * MIB, 256 * MIB) as run:
        yield run


@pytest.fixture
def gaudi3(tmp_path: Path) -> Iterator[MemoryRun]:
    from device.box_control import create_box, retire_box
    from device.box_spec import load_box_spec

    path = tmp_path / "hls3"
    create_box(path, load_box_spec("hls3"), "hls3")
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GAUDI_BOX", str(path))
            with memory_run(path, tmp_path, 512 * MIB, 256 * MIB) as run:
                yield run
    finally:
        retire_box(path)


def codes(outcome: Outcome) -> list[str]:
    return [finding.code for finding in outcome.findings]


def values(outcome: Outcome) -> dict[str, float]:
    return {metric.name: metric.value for metric in outcome.metrics}


@pytest.mark.parametrize(
    ("switches", "parts"),
    [
        ([], ("pci", "sram", "memory")),
        (["-b"], ("pci", "sram", "memory")),
        (["-memOnly"], ("memory",)),
        (["-pciOnly"], ("pci",)),
        (["-sramOnly"], ("sram",)),
        (["-pciall"], ("pci", "sram")),
        (["-pciOnly", "-memOnly"], ("pci", "memory")),
    ],
)
def test_switches_choose_the_parts(switches: list[str], parts: tuple[str, ...]) -> None:
    assert chosen_parts(switches) == parts


@pytest.mark.parametrize(
    ("family", "switches", "value"),
    [
        ("gaudi2", {}, 28.36),
        ("gaudi2", {"-gen": "gen3"}, 14.18),
        ("gaudi2", {"-gen": "gen4", "-lanes": "8"}, 14.18),
        ("gaudi3", {}, 56.71),
        ("gaudi3", {"-gen": "gen4"}, 28.36),
    ],
)
def test_the_limit_of_the_link_is_nine_tenths_of_its_line_rate(
    family: str, switches: dict[str, str | None], value: float
) -> None:
    for test in ("memory_bw", "pci_bw"):
        limits = {name: limit.value for name, limit in load_limits(family)[test].items()}
        assert link_limit(switches, load_spec(family).pcie, limits).value == pytest.approx(value, abs=0.01)


def test_all_bandwidths_of_a_healthy_card(run: MemoryRun) -> None:
    outcome = run("memory_bw")
    assert (outcome.verdict, codes(outcome)) == (Verdict.PASSED, [])
    assert set(values(outcome)) == GAUDI2_TESTS
    assert values(outcome)["hbm_to_hbm_multi"] == pytest.approx(5 * values(outcome)["hbm_to_hbm_single"], rel=0.05)
    assert any(line.startswith("HBM <==> HOST") for line in run.lines)
    assert outcome.coverage is not None and outcome.coverage.is_last_checked and outcome.coverage.checked >= 12


def test_chosen_parts_measure_nothing_else(run: MemoryRun) -> None:
    assert set(values(run("memory_bw", pciOnly=True))) == {"host_to_hbm", "hbm_to_host"}
    assert set(values(run("memory_bw", sramOnly=True, b=True))) == {"host_to_sram", "sram_to_host", "sram_and_host"}


def test_gaudi3_has_no_sram_to_measure_and_nothing_measured_is_no_pass(gaudi3: MemoryRun) -> None:
    outcome = gaudi3("memory_bw", gen="gen4")
    assert outcome.verdict is Verdict.PASSED
    assert not any("sram" in name for name in values(outcome))
    nothing = gaudi3("memory_bw", sramOnly=True)
    assert (nothing.verdict, codes(nothing)) == (Verdict.FAILED, ["NO_MEASUREMENT", "NO_CHECK"])


def test_hbm_bandwidth_on_gaudi3(gaudi3: MemoryRun) -> None:
    outcome = gaudi3("hbm_bandwidth")
    assert (outcome.verdict, codes(outcome)) == (Verdict.PASSED, [])


def test_pci_bandwidth_runs_each_direction_for_its_time(run: MemoryRun) -> None:
    begin_ns = run.box.now_ns()
    outcome = run("pci_bw", duration_s=0.6, b=True)
    assert (run.box.now_ns() - begin_ns) * 1e-9 >= 0.6
    assert (outcome.verdict, codes(outcome)) == (Verdict.PASSED, [])
    rates = values(outcome)
    assert rates["download"] == pytest.approx(29.6, abs=0.1)
    assert rates["bidirectional"] == pytest.approx(2 * rates["upload"], rel=0.02)


@pytest.mark.parametrize(("test", "engine"), [("pci_bw", "PCIE"), ("memory_bw", "PCIE")])
def test_a_narrow_link_misses_its_limit(run: MemoryRun, test: str, engine: str) -> None:
    inject(run.box, 0, find_fault("pcie-width"), 8)
    outcome = run(test, **({"pciOnly": True} if test == "memory_bw" else {}))
    assert codes(outcome) == ["PCIE_BANDWIDTH"] * 2
    finding = outcome.findings[0]
    assert (finding.engine, finding.actual, finding.limit) == (engine, "14.80 GB/s", "28.36 GB/s")
    outcome = run(test, lanes="8", **({"pciOnly": True} if test == "memory_bw" else {}))
    assert codes(outcome) == []


@pytest.mark.parametrize("test", ["memory_bw", "hbm_bandwidth"])
def test_a_slow_hbm_misses_limits(run: MemoryRun, test: str) -> None:
    inject(run.box, 0, find_fault("hbm-slow"), 0.7)
    outcome = run(test)
    assert set(codes(outcome)) == {"HBM_BANDWIDTH"}


def test_hbm_bandwidth_measures_all_four(run: MemoryRun) -> None:
    outcome = run("hbm_bandwidth")
    assert (outcome.verdict, codes(outcome)) == (Verdict.PASSED, [])
    rates = values(outcome)
    assert rates["read"] == pytest.approx(rates["write"], rel=0.01) == pytest.approx(2091, rel=0.01)
    assert rates["copy"] == pytest.approx(rates["read"] / 2, rel=0.01)
    assert rates["triad"] == pytest.approx(rates["read"], rel=0.01)


@pytest.mark.parametrize("array", range(4))
def test_hbm_bandwidth_sees_a_wrong_bit_in_every_array(run: MemoryRun, array: int) -> None:
    inject(run.box, 0, find_fault("hbm-silent"), address=run.free.address + array * (32 << 20) + 64)
    assert codes(run("hbm_bandwidth")) == ["HBM_MISCOMPARE"]


@pytest.mark.parametrize("name", ["hbm-silent", "hbm-dbe"])
@pytest.mark.parametrize("test", ["memory_bw", "pci_bw"])
def test_wrong_data_fails_bandwidth_tests_too(run: MemoryRun, test: str, name: str) -> None:
    place = inject(run.box, 0, find_fault(name), address=run.free.address + 4096).address
    outcome = run(test)
    assert set(codes(outcome)) == {"HBM_MISCOMPARE" if name == "hbm-silent" else "ECC_UNCORRECTED"}
    assert f"0x{place:x}" in outcome.findings[0].message
