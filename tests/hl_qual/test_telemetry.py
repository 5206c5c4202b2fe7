"""Statistics are laws, judgements are rules, rows are what a snapshot says."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl_qual.distribution import Distribution
from hl_qual.errors import UsageError
from hl_qual.live import bar, cells, expected_end, row_style
from hl_qual.monitor import CardProgress, Sampler, monitor_row
from hl_qual.monitor_ini import parse_bounds
from hl_qual.telemetry import Rules, Statistic, baseline, finished, judge_telemetry, observed
from hlml.types import DeviceSnapshot, EccCounters, LinkInfo, ReplacedRow, RowReplacementCause, ThrottleReason

Make = Callable[..., DeviceSnapshot]
NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=1)
MONITOR_INI = (
    "[TEMP_MON]\nenable=true\nLOW=15\nHIGH=75\n[POWER_MON]\nenable=true\nHIGH=340\n[MEM_MON]\nenable=false\nHIGH=1\n"
)


def folded(values: Iterable[float]) -> Statistic:
    result = Statistic()
    for value in values:
        result = result.including(value)
    return result


@given(NUMBERS)
def test_statistic_agrees_with_the_definition(values: list[float]) -> None:
    found = folded(values)
    assert (found.count, found.minimum, found.maximum) == (len(values), min(values), max(values))
    assert found.mean is not None and found.minimum is not None and found.maximum is not None
    assert found.minimum <= found.mean <= found.maximum
    assert found.mean == pytest.approx(statistics.fmean(values), abs=1e-6)


def test_statistic_of_nothing_is_unknown() -> None:
    assert (Statistic().minimum, Statistic().mean, Statistic().maximum) == (None, None, None)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_distribution_has_the_exact_median_of_few_values(values: list[float]) -> None:
    found = Distribution()
    for value in values:
        found.add(value)
    assert (found.minimum, found.median, found.maximum) == (min(values), statistics.median(values), max(values))


def test_distribution_stays_bounded() -> None:
    found = Distribution()
    for value in range(50000):
        found.add(float(value))
    assert len(found._kept) <= 4096
    assert found.median == pytest.approx(25000, rel=0.01)


def judged(make: Make, during: dict[str, Any], after: dict[str, Any], is_serr: bool = False) -> list[str]:
    telemetry = observed(baseline(make(0)), make(0, **during), {})
    return [finding.code for finding in judge_telemetry(finished(telemetry, make(0, **after)), Rules(is_serr))]


def test_telemetry_that_fails_a_card(make_snapshot: Make) -> None:
    single, double = EccCounters(0, 3, 0, 0), EccCounters(0, 0, 0, 1)
    assert judged(make_snapshot, {}, {}) == []
    assert judged(make_snapshot, {"throttle_reasons": ThrottleReason.POWER}, {}) == []
    assert judged(make_snapshot, {"throttle_reasons": ThrottleReason.THERMAL}, {}) == ["THERMAL_THROTTLING"]
    assert judged(make_snapshot, {}, {"violation_thermal_ns": 10**8}) == ["THERMAL_THROTTLING"]
    assert judged(make_snapshot, {}, {"ecc_hbm": double}) == ["ECC_UNCORRECTED"]
    assert judged(make_snapshot, {}, {"ecc_sram": single}) == []
    assert judged(make_snapshot, {}, {"ecc_sram": single}, is_serr=True) == ["ECC_CORRECTED"]
    assert judged(make_snapshot, {}, {"reset_count": 1}) == ["DEVICE_RESET"]
    assert judged(make_snapshot, {}, {"is_lost": True}) == ["DEVICE_LOST"]


def pcie(make: Make, replays: int = 0, generation: int = 4, lanes: int = 16) -> dict[str, Any]:
    link = LinkInfo(4, generation, 16, lanes)
    return {"pcie_replay_count": replays, "pci": dataclasses.replace(make(0).pci, link=link)}


@pytest.mark.parametrize(
    ("link", "rules", "expected"),
    [
        ({}, Rules(), []),
        ({"replays": 3}, Rules(), ["PCIE_REPLAY"]),
        ({"replays": 3}, Rules(is_aer_ignored=True), []),
        ({"lanes": 8}, Rules(), ["PCIE_LINK"]),
        ({"lanes": 8}, Rules(pcie_lanes=8), []),
        ({"generation": 3}, Rules(pcie_lanes=8), ["PCIE_LINK"]),
        ({"generation": 3}, Rules(pcie_generation=3), []),
    ],
)
def test_a_bad_pcie_link_fails_a_card_unless_the_slot_has_no_more(
    make_snapshot: Make, link: dict[str, int], rules: Rules, expected: list[str]
) -> None:
    telemetry = observed(baseline(make_snapshot(0)), make_snapshot(0), {})
    after = make_snapshot(0, **pcie(make_snapshot, **link))
    assert [finding.code for finding in judge_telemetry(finished(telemetry, after), rules)] == expected


def test_rows_that_wait_and_rows_that_are_used_up_fail_a_card(make_snapshot: Make) -> None:
    row = ReplacedRow(2, 5, 1, 3, 77, RowReplacementCause.DOUBLE_BIT_ECC_ERROR)
    pending = {"is_row_replacement_pending": True, "pending_rows": (row,)}
    telemetry = finished(observed(baseline(make_snapshot(0)), make_snapshot(0), {}), make_snapshot(0, **pending))
    (finding,) = judge_telemetry(telemetry, Rules())
    assert (finding.code, finding.address) == ("HBM_ROW_PENDING", "stack 2 pc 5 sid 1 bank 3 row 77")
    assert judged(make_snapshot, {}, {"replaced_rows": (row,) * 31}) == []
    assert judged(make_snapshot, {}, {"replaced_rows": (row,) * 32}) == ["HBM_ROWS_USED_UP"]


def test_no_sample_is_no_pass(make_snapshot: Make) -> None:
    assert [finding.code for finding in judge_telemetry(baseline(make_snapshot(0)), Rules())] == ["NO_TELEMETRY"]


def test_bounds_mark_and_count(make_snapshot: Make) -> None:
    bounds = parse_bounds(MONITOR_INI, "x.ini")
    assert set(bounds) == {"TEMP_MON", "POWER_MON"}
    hot = make_snapshot(0, temperature_c=80)
    telemetry = observed(observed(baseline(make_snapshot(0)), hot, bounds), hot, bounds)
    assert telemetry.violations == (("TEMP_MON", 2),)
    row = monitor_row(telemetry, hot, CardProgress("running", 0.5, 61.2), bounds)
    assert cells(row)[2:4] == ("80!", "90")
    assert cells(row)[-2:] == ("#####-----  50%", "0:01:01")
    assert row_style(row) == "red"


@pytest.mark.parametrize("text", ["[TEMP_MN]\nenable=true\n", "[TEMP_MON]\nenable=true\nLOW=x\n", "nonsense"])
def test_bad_monitor_ini_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match=r"x\.ini"):
        parse_bounds(text, "x.ini")


def test_card_that_does_not_answer_shows_as_missing(make_snapshot: Make) -> None:
    row = monitor_row(baseline(make_snapshot(3)), None, CardProgress("running", 0.0, None), {})
    assert cells(row)[:6] == ("0000:34:00.0", "running", "N/A", "N/A", "N/A", "N/A")


def test_bar_and_time_left() -> None:
    assert bar(0.0) == "-" * 10 + "   0%"
    assert bar(1.0) == "#" * 10 + " 100%"
    assert [expected_end(value) for value in (None, -3, 172800)] == ["", "0:00:00", "48:00:00"]


def test_sampler_measures_only_between_begin_and_end(make_snapshot: Make) -> None:
    readings = [make_snapshot(0, temperature_c=temp) for temp in (50, 99)]
    sampler = Sampler([lambda: readings.pop(0)], [make_snapshot(0)], period_s=60)
    sampler.begin(0)
    sampler.end(0)
    (telemetry,) = sampler.telemetry()
    assert (telemetry.temp_c.count, telemetry.temp_c.maximum) == (1, 50)
    assert telemetry.last is not None and telemetry.last.temperature_c == 99
