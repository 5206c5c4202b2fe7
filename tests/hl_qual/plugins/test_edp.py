"""The parts of the EDP test that need no card: the plan, the barrier, what pulses amount to."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl_qual.distribution import Distribution
from hl_qual.plugins.edp_barrier import Barrier
from hl_qual.plugins.edp_pulses import Pulse, Pulses
from hl_qual.plugins.edp_results import pulse_findings, pulse_metrics
from hl_qual.plugins.edp_stress import PulsePlan, pulse_plan
from hl_qual.plugins.power_meter import PowerSpan

LIMITS = {"low_min_power": 240.0, "high_min_power": 450.0, "extreme_min_power": 530.0, "max_starved_share": 0.5}


@given(st.integers(1, 20), st.integers(1, 20), st.floats(0.1, 10000))
def test_as_many_pulses_as_fit(work_s: int, idle_s: int, duration_s: float) -> None:
    switches = {"-Tw": str(work_s), "-Ts": str(idle_s)}
    if duration_s < work_s + idle_s:
        with pytest.raises(ValueError, match="shorter than one pulse"):
            pulse_plan(switches, duration_s)
        return
    plan = pulse_plan(switches, duration_s)
    assert 0 <= duration_s - len(plan.levels) * (work_s + idle_s) < work_s + idle_s


@pytest.mark.parametrize("switches", [{"-l": "inc_power"}, {"-inc_power": None}])
def test_increasing_power_in_both_spellings(switches: dict[str, str | None]) -> None:
    plan = pulse_plan(switches, 30)
    assert (plan.names, plan.levels) == (("low", "high", "extreme"), (0, 0, 1, 1, 2, 2))


def nothing() -> None:
    """Nobody watches the progress."""


def test_nobody_passes_before_the_last_one_has_come(tmp_path: Path) -> None:
    barriers = [Barrier(tmp_path, rank, 3) for rank in range(3)]
    order: list[str] = []

    def arrive(rank: int) -> None:
        barriers[rank].wait(0, nothing)
        order.append("passed")

    threads = [threading.Thread(target=arrive, args=(rank,)) for rank in (0, 1)]
    for thread in threads:
        thread.start()
    order.append("last")
    assert barriers[2].wait(0, nothing) == []
    for thread in threads:
        thread.join()
    assert order == ["last", "passed", "passed"]


def test_skew_is_from_the_first_to_the_last_edge(tmp_path: Path) -> None:
    barriers = [Barrier(tmp_path, rank, 3) for rank in range(3)]
    for barrier, box_ns in zip(barriers, (5_000, 9_000, 6_000), strict=True):
        barrier.note_edge(1025, box_ns)
    assert {barrier.skew_ns(1025) for barrier in barriers} == {4_000}


def test_nobody_waits_for_the_dead(tmp_path: Path) -> None:
    first, second = Barrier(tmp_path, 0, 3), Barrier(tmp_path, 1, 3)
    second.close()
    looks: list[int] = []
    assert sorted(first.wait(0, lambda: looks.append(1))) == [1, 2]
    assert looks
    assert first.wait(1, nothing) == []


def span(mean_w: float) -> PowerSpan:
    return PowerSpan(1.5, 0.0, mean_w, mean_w - 1, mean_w + 1, mean_w + 20)


def results(*pulses: Pulse, lost: int = 0) -> Pulses:
    clock, skew = Distribution(), Distribution()
    clock.add(1650.0)
    skew.add(3e6)
    return Pulses(pulses, clock, skew, lost)


PLAN = PulsePlan(2, 3, ("low", "high", "extreme"), (0, 1, 2))
GOOD = tuple(Pulse(level, span(watts), span(60.0)) for level, watts in enumerate((260.0, 470.0, 545.0)))


def codes(pulses: Pulses) -> list[str]:
    return [finding.code for finding in pulse_findings(PLAN, pulses, LIMITS)]


def test_each_level_has_its_own_window() -> None:
    assert codes(results(*GOOD)) == []
    assert codes(results(*GOOD[:2], Pulse(2, span(500.0), span(60.0)))) == ["POWER_BELOW_WINDOW"]
    assert codes(results(Pulse(0, span(200.0), span(60.0)), *GOOD[1:])) == ["POWER_BELOW_WINDOW"]


def test_an_unmeasured_phase_is_no_pass() -> None:
    assert codes(results(*GOOD[:2], Pulse(2, span(545.0), None))) == ["NO_MEASUREMENT"]


def test_a_lost_peer_is_a_warning() -> None:
    (finding,) = pulse_findings(PLAN, results(*GOOD, lost=1), LIMITS)
    assert (finding.code, finding.fails_card) == ("EDP_PEER_LOST", False)


def test_metrics_tell_phases_pulses_and_skew() -> None:
    found = {metric.name: metric for metric in pulse_metrics(PLAN, results(*GOOD), LIMITS)}
    assert found["work_power_extreme"].value == 545.0 and found["work_power_extreme"].limit == 530.0
    assert (found["idle_power"].minimum, found["idle_power"].maximum) == (59.0, 61.0)
    assert (found["pulses"].value, found["peak_power"].value) == (3, 565.0)
    assert (found["edge_skew"].value, found["edge_skew"].unit) == (3.0, "ms")
