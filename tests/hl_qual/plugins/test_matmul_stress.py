"""matmul_stress on a made-up card: what passes, what fails it, and what it says. The arithmetic is numpy's."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from device.spec import MmeType, load_spec
from hl_qual.findings import DeviceId
from hl_qual.golden import checksums as checksums_module
from hl_qual.golden.operands import Bf16, negated, operand
from hl_qual.golden.tiles import F32, U32, make_golden
from hl_qual.outcome import Outcome, Retest, Verdict
from hl_qual.plugins import matmul_stress, matmul_workload
from hl_qual.plugins.api import Job, RunContext

SIZE = 256
LIMITS = {"min_share_of_peak": 0.85, "retests": 5.0}
FLOPS = 2.0 * SIZE**3


def checksums(result: F32, rows: int, columns: int) -> U32:
    tiles = [
        [zlib.crc32(result[r : r + rows, c : c + columns].tobytes()) for c in range(0, SIZE, columns)]
        for r in range(0, SIZE, rows)
    ]
    return np.array(tiles, dtype=np.uint32)


def product(a: Bf16, b: Bf16) -> F32:
    wide = [(bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64) for bits in (a, b)]
    return np.maximum((wide[0] @ wide[1]).astype(np.float32), np.float32(0))


@dataclass
class FakeCard:
    """Buffers are numpy arrays at made-up addresses; `spoil` may change the result of a launch."""

    clock_ratio: float = 1.0
    spoil: Callable[[int, F32], None] = lambda _number, _result: None
    launches: int = 0
    buffers: dict[int, Any] = field(default_factory=dict)
    spec: Any = field(default_factory=lambda: load_spec("gaudi2"))

    def malloc(self, size: int) -> Any:
        address = 0x1000 * (len(self.buffers) + 1)
        self.buffers[address] = None
        return SimpleNamespace(address=address, size=size)

    def copy_to_device(self, buffer: Any, array: Any) -> None:
        self.buffers[buffer.address] = array.copy()

    def copy_from_device(self, buffer: Any, array: Any) -> None:
        array[...] = self.buffers[buffer.address]

    def create_stream(self) -> Any:
        return self

    def launch(self, _recipe: Any, tensors: dict[str, Any]) -> Any:
        result = product(self.buffers[tensors["A"].address], self.buffers[tensors["B"].address])
        self.spoil(self.launches, result)
        self.buffers[tensors["C"].address] = result
        self.launches += 1
        peak = 2 * self.spec.mme.macs_per_cycle(MmeType.BF16) * self.spec.mme.clock_mhz * 1e6
        seconds = FLOPS / peak / self.clock_ratio
        clock = self.spec.mme.clock_mhz * self.clock_ratio
        values = SimpleNamespace(device_time_s=seconds, box_time_s=0.001, dilation=1.0, clock_mhz=clock, flops=FLOPS)
        return SimpleNamespace(result=lambda: values)

    def synchronize(self) -> None:
        time.sleep(0.001)

    def box_time_ns(self) -> int:
        return time.monotonic_ns()


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `prepare` leaves, with numpy's golden results."""
    monkeypatch.setattr(checksums_module, "tile_checksums", checksums)
    monkeypatch.setattr(matmul_stress, "SIZE", SIZE)
    a, b = operand(3, 0, SIZE, SIZE), operand(3, 1, SIZE, SIZE)
    for number, bits in enumerate((b, negated(b))):
        golden = make_golden(product(a, bits), checksums)
        np.savez(tmp_path / f"golden{number}.npz", result=golden.result, checksums=golden.checksums)
    from device.recipe import to_bytes

    (tmp_path / "recipe.bin").write_bytes(
        to_bytes(matmul_workload.compiled("gaudi2", matmul_workload.Shape(SIZE, SIZE, SIZE)))
    )
    (tmp_path / "notes.json").write_text(json.dumps({"executing": "x", "golden": "y"}))
    return tmp_path


def run(directory: Path, card: FakeCard) -> tuple[Outcome, list[str]]:
    device = DeviceId("S0", "0000:19:00.0", 0)
    job = Job("matmul_stress", "", "gaudi2", 0, device, 0.1, None, 3, LIMITS, str(directory), {})
    lines: list[str] = []
    ctx = RunContext(job, card, lines.append, lambda _fraction: None, card.box_time_ns)  # type: ignore[arg-type]
    plugin = matmul_stress.MatmulStress()
    plugin.init(ctx)
    return plugin.run(ctx), lines


def codes(outcome: Outcome) -> list[str]:
    return [finding.code for finding in outcome.findings]


def test_right_results_at_full_clock_pass(directory: Path) -> None:
    outcome, _ = run(directory, FakeCard())
    assert (outcome.verdict, codes(outcome)) == (Verdict.PASSED, [])
    assert outcome.coverage is not None
    assert outcome.coverage.executed == outcome.coverage.checked >= 2
    assert outcome.coverage.is_last_checked
    throughput = outcome.metrics[0]
    assert (throughput.unit, throughput.clock) == ("TFLOPS", "device")
    assert throughput.value == pytest.approx(432.5, abs=0.1)


def test_one_wrong_bit_fails_and_is_located(directory: Path) -> None:
    def spoil(number: int, result: F32) -> None:
        if number == 1:
            result.view(np.uint32)[200, 30] ^= np.uint32(1)

    outcome, _ = run(directory, FakeCard(spoil=spoil))
    assert (outcome.verdict, codes(outcome)) == (Verdict.FAILED, ["MME_MISCOMPARE"])
    assert "tile (1, 0), element (row 200, column 30)" in outcome.findings[0].message
    assert outcome.retests == (Retest(3, "-B", 5, 0),)


def test_a_stuck_fault_has_a_failure_rate_of_100_percent(directory: Path) -> None:
    def spoil(_number: int, result: F32) -> None:
        result[0, 0] = -5

    outcome, _ = run(directory, FakeCard(spoil=spoil))
    assert set(codes(outcome)) == {"MME_MISCOMPARE"}
    assert [retest.failure_rate for retest in outcome.retests] == [1.0, 1.0]


def test_a_changed_operand_is_blamed_on_the_memory(directory: Path) -> None:
    card = FakeCard()

    def spoil(number: int, _result: F32) -> None:
        if number == 0:
            card.buffers[0x1000].flat[7] ^= np.uint16(0x4000)

    card.spoil = spoil
    outcome, _ = run(directory, card)
    assert codes(outcome)[0] == "HBM_MISCOMPARE"
    assert "operand A" in outcome.findings[0].message and "0x100e" in outcome.findings[0].message


@pytest.mark.parametrize(("sixteenths", "expected"), [(15, []), (14, []), (13, ["MME_THROUGHPUT"])])
def test_a_slow_clock_fails(directory: Path, sixteenths: int, expected: list[str]) -> None:
    outcome, _ = run(directory, FakeCard(clock_ratio=sixteenths / 16))
    assert codes(outcome) == expected


def test_both_data_sets_together_show_every_element() -> None:
    a, b = operand(3, 0, SIZE, SIZE), operand(3, 1, SIZE, SIZE)
    assert np.all((product(a, b) != 0) | (product(a, negated(b)) != 0))


def test_golden_variant_differs_from_the_executing_one_where_there_are_two() -> None:
    assert matmul_workload.choose_variants(["amx", "avx2", "plain"]) == ("amx", "avx2")
    assert matmul_workload.choose_variants(["plain"]) == ("plain", "plain")
