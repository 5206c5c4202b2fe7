"""The HBM tests of hl_qual: healthy memory passes, each fault fails the right one with its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from memory_runs import MemoryRun, memory_run

from device.address_map import AddressMap
from device.faults import find_fault, inject
from hl_qual.outcome import Outcome, Verdict
from hl_qual.plugins.hbm_stripes import PIECE_BYTES

MIB = 1 << 20
FREE = 4 << 30
FULL, DMA, TPC = "full_hbm_data_check_test", "hbm_dma_stress", "hbm_tpc_stress"
QUICK = {"skip_rst": True}


@pytest.fixture
def run(box: Any, tmp_path: Path) -> Iterator[MemoryRun]:
    with memory_run(box.path, tmp_path, FREE, 256 * MIB) as run:
        yield run


def codes(outcome: Outcome) -> list[str]:
    return [finding.code for finding in outcome.findings]


@pytest.mark.parametrize("plugin", [FULL, DMA, TPC])
def test_healthy_memory_passes_in_little_host_memory(run: MemoryRun, plugin: str) -> None:
    outcome = run(plugin, iterations=2, **QUICK)
    assert (outcome.verdict, codes(outcome), outcome.own_resets) == (Verdict.PASSED, [], 0)
    assert outcome.coverage is not None
    assert outcome.coverage.checked == outcome.coverage.executed > 0
    assert all(metric.limit is None or metric.value >= metric.limit for metric in outcome.metrics)
    assert all(metric.clock == "device" and metric.dilation is not None for metric in outcome.metrics)
    assert run.lines[-1] == "round 2 of 2: data right, ECC errors corrected 0, uncorrected 0"
    assert run.shares[-1] == 1.0 and run.shares == sorted(run.shares)


def test_the_full_check_reads_all_that_is_free_twice(run: MemoryRun) -> None:
    outcome = run(FULL, **QUICK)
    read = next(metric for metric in outcome.metrics if metric.name == "tpc_read")
    assert outcome.coverage is not None and outcome.coverage.executed == 2 * FREE >> 30
    assert read.value == pytest.approx(run.card.spec.hbm.bytes_per_s / 1e9, rel=0.01)


def test_an_alias_is_named_with_both_places(run: MemoryRun) -> None:
    addresses = AddressMap(run.card.spec.hbm)
    record = inject(run.box, 0, find_fault("hbm-alias"), 30, address=run.free.address + 512 * MIB)
    second = addresses.base + ((record.address - addresses.base) ^ 1 << 30)
    outcome = run(FULL, **QUICK)
    assert codes(outcome) == ["HBM_MISCOMPARE"]
    message = outcome.findings[0].message
    rows = {str(addresses.row_of(address)) for address in (record.address, second)}
    assert message.startswith("256 words are wrong in ") and "it holds what was written to 0x" in message
    assert all(row in message for row in rows)
    assert [(retest.runs, retest.wrong) for retest in outcome.retests] == [(10, 0)]  # alone it is right


def test_a_stuck_row_and_a_silent_word_are_two_places(run: MemoryRun) -> None:
    addresses = AddressMap(run.card.spec.hbm)
    stuck = inject(run.box, 0, find_fault("hbm-stuck"), address=run.free.address + 5 * MIB).address
    silent = inject(run.box, 0, find_fault("hbm-silent"), address=run.free.address + 3000 * MIB).address
    outcome = run(FULL, **QUICK)
    assert codes(outcome) == ["HBM_MISCOMPARE"] * 2
    first, second = outcome.findings
    assert str(addresses.row_of(stuck)) in first.message
    assert {retest.data_set for retest in outcome.retests} == {
        str(addresses.row_of(place)) for place in (stuck, silent)
    }
    assert all(retest.failure_rate == 1.0 for retest in outcome.retests)
    where = f"2 words are wrong in {addresses.row_of(silent)}, the first at 0x{silent:x} column"
    assert second.message.startswith(where)
    assert int(second.expected or "", 16) ^ int(second.actual or "", 16) == int(second.message.split("bits 0x")[1], 16)


@pytest.mark.parametrize("plugin", [FULL, DMA, TPC])
def test_an_uncorrectable_error_is_named_and_the_rest_is_still_checked(run: MemoryRun, plugin: str) -> None:
    place = inject(run.box, 0, find_fault("hbm-dbe"), address=run.free.address + 8 * MIB).address
    also = inject(run.box, 0, find_fault("hbm-silent"), address=run.free.address + 2048 * MIB + 8 * MIB).address
    outcome = run(plugin, **QUICK)
    assert set(codes(outcome)) == {"ECC_UNCORRECTED", "HBM_MISCOMPARE"}
    messages = [finding.message for finding in outcome.findings]
    row = AddressMap(run.card.spec.hbm).row_of(place)
    assert any(f"uncorrectable ECC error at 0x{place:x}, {row}" in message for message in messages)
    assert any(f"the first at 0x{also:x}" in message for message in messages)
    assert outcome.coverage is not None and outcome.coverage.mismatched > 0


def test_corrected_errors_fail_unless_the_counters_are_left_out(run: MemoryRun) -> None:
    inject(run.box, 0, find_fault("hbm-sbe"), address=run.free.address)
    assert codes(run(TPC, **QUICK)) == ["ECC_CORRECTED"]
    assert codes(run(TPC, skip_val=True, **QUICK)) == []


@pytest.mark.parametrize("mode", ["read", "write", "read_write", "full_rw"])
def test_each_tpc_mode_finds_wrong_data_and_times_what_it_does(run: MemoryRun, mode: str) -> None:
    place = inject(run.box, 0, find_fault("hbm-silent"), address=run.free.address + 16).address
    outcome = run(TPC, hbm_tpc_stress=mode, **QUICK)
    assert set(codes(outcome)) == {"HBM_MISCOMPARE"}
    assert f"the first at 0x{place:x}" in outcome.findings[0].message  # a copy carries the wrong word further
    names = {metric.name for metric in outcome.metrics}
    assert names == {"tpc_write", "tpc_read"} | ({"tpc_copy"} if mode in ("read_write", "full_rw") else set())
    assert run.lines[0] == f"mode {mode}"


@pytest.mark.parametrize("plugin", [FULL, DMA, TPC])
def test_a_slow_hbm_misses_its_limits(run: MemoryRun, plugin: str) -> None:
    inject(run.box, 0, find_fault("hbm-slow"), 0.8)
    outcome = run(plugin, **QUICK)
    assert set(codes(outcome)) == {"HBM_BANDWIDTH"}
    finding = outcome.findings[0]
    assert float((finding.actual or "").split()[0]) < float((finding.limit or "").split()[0])


def test_a_slow_card_loads_too_slowly(run: MemoryRun) -> None:
    inject(run.box, 0, find_fault("slow-card"), 0.5)
    run.box.set_clock(step_ns=2_000_000_000)  # the clock falls step by step
    assert set(codes(run(TPC, **QUICK))) == {"HBM_BANDWIDTH"}


def test_the_tour_finds_a_broken_sram_word(run: MemoryRun) -> None:
    inject(run.box, 0, find_fault("sram-dbe"))
    outcome = run(DMA, skip_val=True, **QUICK)
    assert codes(outcome) == ["ECC_UNCORRECTED"]
    assert outcome.findings[0].engine == "SRAM"


def test_rounds_reset_the_card_and_a_replaced_row_does_not_fail_again(run: MemoryRun) -> None:
    run.box.set_clock(rate=1000.0)
    addresses = AddressMap(run.card.spec.hbm)
    begin = addresses.base + run.card.spec.hbm.reserved_bytes
    # Where the second round writes and reads, once the card is empty after the first one.
    inject(run.box, 0, find_fault("hbm-dbe"), address=begin + PIECE_BYTES)
    before = run.box.card(0).read().reset_count
    outcome = run(TPC, iterations=2, hbm_tpc_stress="write")
    assert outcome.own_resets == 2 == run.box.card(0).read().reset_count - before
    assert outcome.verdict is Verdict.FAILED
    assert run.lines[-2:] == [
        "round 1 of 2: data right, ECC errors corrected 0, uncorrected 0",
        "round 2 of 2: wrong data, ECC errors corrected 0, uncorrected 1",
    ]
    again = run(TPC, iterations=2, hbm_tpc_stress="write")
    assert (again.verdict, codes(again)) == (Verdict.PASSED, [])
