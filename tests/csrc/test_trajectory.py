"""The physics of csrc/trajectory.c: laws that must hold for any load, and an integration that knows no exponentials."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device._device import ffi, lib
from device.box import build_image
from device.box_spec import load_box_spec

SECOND = 1_000_000_000
LEASE = SECOND // 2
SHARE = st.floats(0.0, 1.0)
ACTIVITY = st.tuples(SHARE, SHARE, SHARE, SHARE, SHARE, SHARE)
FULL_GEMM = (1.0, 0.0, 0.0, 0.125, 0.0, 0.0)
IMAGE = build_image(ffi, load_box_spec("hls2"))


@dataclass
class Card:
    """A card without a file: plan, wait, fold, plan again, as publish.c does."""

    limit_w: float = 550.0
    airflow: float = 1.0
    activity: tuple[float, ...] = (0.0,) * 6
    intensity: float = 0.0
    now: int = 7 * SECOND + 3
    segments: Any = field(init=False)
    count: int = field(init=False)

    def __post_init__(self) -> None:
        self.physics = ffi.addressof(IMAGE.cards[0].physics)
        self.segments = ffi.new("gaudi_segment[]", 40)
        drive = self._drive(0)
        self._plan(drive, ffi.new("gaudi_point *", lib.gaudi_trajectory_idle(self.physics, drive)))

    def _drive(self, lease_end: int) -> Any:
        drive = ffi.new("gaudi_drive *")
        drive.activity = list(self.activity)
        drive.lease_end_ns = lease_end
        drive.limit_w = self.limit_w
        drive.ambient_c = self.physics.ambient_c
        drive.airflow = self.airflow
        drive.clock_ceiling = 1.0
        drive.mme_intensity = self.intensity
        return drive

    def _plan(self, drive: Any, point: Any) -> None:
        self.count = lib.gaudi_trajectory_plan(self.physics, drive, point, self.now, self.segments)
        assert 1 <= self.count <= 40

    def at(self, time: int) -> Any:
        index = lib.gaudi_segment_find(self.segments, self.count, time)
        return lib.gaudi_segment_at(self.physics, ffi.addressof(self.segments, index), time)

    def publish(self, lease: int = LEASE) -> None:
        point = ffi.new("gaudi_point *", self.at(self.now))
        self._plan(self._drive(self.now + lease), point)

    def run(self, seconds: float, every: int = LEASE // 2) -> Any:
        """Keep the activity for that long, renewing as a holder does."""
        end = self.now + round(seconds * SECOND)
        while self.now < end:
            self.publish()
            self.now = min(self.now + every, end)
        self.publish()
        return self.at(self.now)


def utilization(card: Card, point: Any) -> int:
    return int(
        lib.gaudi_utilization_percent(point.filtered_w, card.physics.utilization_dc_w, round(card.limit_w * 1000))
    )


@given(ACTIVITY, st.floats(0.3, 1.5))
@settings(max_examples=40, deadline=None)
def test_continuous_quantities_do_not_jump_between_segments(activity: tuple[float, ...], airflow: float) -> None:
    card = Card(activity=activity, airflow=airflow)
    card.run(3.0)
    for before, after in itertools.pairwise(range(card.count)):
        start = card.segments[after].start_ns
        left = lib.gaudi_segment_at(card.physics, ffi.addressof(card.segments, before), start)
        right = lib.gaudi_segment_at(card.physics, ffi.addressof(card.segments, after), start)
        for name in ("die_c", "filtered_w", "hbm_c", "board_c", "energy_j", "violation_power_ns"):
            assert getattr(left, name) == pytest.approx(getattr(right, name), abs=1e-6, rel=1e-9)


@given(ACTIVITY)
@settings(max_examples=20, deadline=None)
def test_energy_is_the_integral_of_power(activity: tuple[float, ...]) -> None:
    card = Card(activity=activity)
    card.publish()
    step = SECOND // 1000
    times = range(card.now, card.now + 2 * SECOND, step)
    total = sum(card.at(t + step // 2).power_w * step / SECOND for t in times)
    assert card.at(card.now + 2 * SECOND).energy_j - card.at(card.now).energy_j == pytest.approx(total, rel=1e-3)


@given(ACTIVITY, st.floats(0.05, 1.0), st.floats(0.05, 1.0))
@settings(max_examples=30, deadline=None)
def test_operands_that_toggle_less_draw_less_and_leave_a_higher_clock(
    activity: tuple[float, ...], first: float, second: float
) -> None:
    low, high = sorted((first, second))
    quiet, loud = (Card(activity=activity, intensity=each) for each in (low, high))
    a, b = quiet.run(5.0), loud.run(5.0)
    assert a.clock_ratio >= b.clock_ratio
    if a.clock_ratio == b.clock_ratio:
        assert a.filtered_w <= b.filtered_w + 1e-9
        saved = activity[0] * quiet.physics.engine_w[0] * (high - low) * a.clock_ratio
        assert b.filtered_w - a.filtered_w >= 0.9 * saved - 1e-6  # and some leakage of the cooler die


def test_an_intensity_that_nobody_set_is_the_full_one() -> None:
    assert Card(activity=FULL_GEMM).run(2.0).filtered_w == Card(activity=FULL_GEMM, intensity=1.0).run(2.0).filtered_w


def test_exact_solution_equals_small_step_integration() -> None:
    card = Card(activity=FULL_GEMM)
    card.publish()
    p = card.physics
    start = card.at(card.now)
    die, hbm, board, filtered = start.die_c, start.hbm_c, start.board_c, start.filtered_w
    dt = 1e-4
    for step in range(5000):
        ratio = card.at(card.now + round(step * dt * SECOND)).clock_ratio
        busy = sum(
            a * w * (ratio if f else 1.0) for a, w, f in zip(FULL_GEMM, p.engine_w, p.follows_clock, strict=False)
        )
        power = p.idle_w + p.leakage_w_per_k * (die - p.leakage_reference_c) + busy
        own = FULL_GEMM[3] * p.engine_w[3]
        filtered += dt * (power - filtered) / p.tau_power_s
        hbm += dt * (p.ambient_c + p.r_hbm_k_per_w * power + p.r_hbm_own_k_per_w * own - hbm) / p.tau_hbm_s
        board += dt * (p.ambient_c + p.r_board_k_per_w * power - board) / p.tau_board_s
        die += dt * (p.ambient_c + p.r_die_k_per_w * power - die) / p.tau_die_s
    end = card.at(card.now + SECOND // 2 - 1)
    assert end.die_c == pytest.approx(die, abs=0.01)
    assert end.hbm_c == pytest.approx(hbm, abs=0.01)
    assert end.board_c == pytest.approx(board, abs=0.01)
    assert end.filtered_w == pytest.approx(filtered, abs=0.2)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_nothing_depends_on_how_often_somebody_publishes(gaps_ms: list[int]) -> None:
    rare, often = Card(activity=FULL_GEMM), Card(activity=FULL_GEMM)
    rare.publish(lease=60 * SECOND)
    start = often.now
    often.publish(lease=60 * SECOND)
    for gap in gaps_ms:
        often.now += gap * 1_000_000
        often._plan(often._drive(start + 60 * SECOND), ffi.new("gaudi_point *", often.at(often.now)))
        expected, got = rare.at(often.now), often.at(often.now)
        assert got.clock_ratio == expected.clock_ratio
        for name in ("die_c", "hbm_c", "board_c", "filtered_w", "energy_j"):
            assert getattr(got, name) == pytest.approx(getattr(expected, name), rel=1e-6)


@given(ACTIVITY, st.floats(200.0, 550.0), st.floats(0.3, 1.0))
@settings(max_examples=25, deadline=None)
def test_controller_does_not_chatter(activity: tuple[float, ...], limit_w: float, airflow: float) -> None:
    card = Card(activity=activity, limit_w=limit_w, airflow=airflow)
    ratios = [card.run(0.25).clock_ratio for _ in range(200)]
    moves = [after - before for before, after in itertools.pairwise(ratios) if after != before]
    turns = sum(1 for a, b in itertools.pairwise(moves) if a * b < 0)
    assert turns <= 2


@given(st.floats(250.0, 540.0))
@settings(max_examples=15, deadline=None)
def test_lower_limit_lowers_power_and_clock_and_raises_utilization(limit_w: float) -> None:
    full, limited = Card(activity=FULL_GEMM), Card(activity=FULL_GEMM, limit_w=limit_w)
    a, b = full.run(20), limited.run(20)
    assert b.power_w < a.power_w
    assert b.power_w <= limit_w + 1e-6
    assert b.clock_ratio < a.clock_ratio
    assert utilization(limited, b) >= 97  # both sit at their limit, within the hysteresis of the clock


@given(st.floats(220.0, 540.0))
@settings(max_examples=15, deadline=None)
def test_lower_limit_raises_the_utilization_of_the_same_load(limit_w: float) -> None:
    load = (0.2, 0.0, 0.0, 0.3, 0.0, 0.0)
    full, limited = Card(activity=load), Card(activity=load, limit_w=limit_w)
    a, b = full.run(20), limited.run(20)
    assert b.power_w == pytest.approx(a.power_w, rel=1e-9)
    assert utilization(limited, b) >= utilization(full, a)


def test_memory_bound_work_is_not_slowed_by_the_limit() -> None:
    card = Card(activity=(0.0, 0.0, 0.0, 1.0, 0.0, 0.0), limit_w=200.0)
    assert card.run(10).clock_ratio == 1.0


def test_full_gemm_settles_where_measurements_show() -> None:
    """418.7 of 432.5 TFLOPS is 0.968 of the peak; one grain of the clock and the spread of the cards around it."""
    card = Card(activity=FULL_GEMM)
    assert card.run(60).clock_ratio == pytest.approx(0.968, abs=0.02)


def test_idle_card_shows_published_values() -> None:
    point = Card().at(8 * SECOND)
    assert 44 <= point.filtered_w <= 56
    assert 22 <= point.die_c <= 35
    assert utilization(Card(), point) == 0


def test_activity_ends_with_the_lease_for_every_reader() -> None:
    card = Card(activity=FULL_GEMM)
    card.publish()
    assert card.at(card.now + LEASE - 1).power_w > 400
    assert card.at(card.now + LEASE).power_w < 80
    assert card.at(card.now + 10 * SECOND).clock_ratio == 1.0


def test_weak_airflow_throttles_by_heat_and_holds_the_threshold() -> None:
    card = Card(activity=FULL_GEMM, airflow=0.5)
    point = card.run(120)
    assert point.flags & lib.GAUDI_THROTTLE_THERMAL
    assert card.physics.slowdown_c - 2.5 < point.die_c <= card.physics.slowdown_c + 0.5
    assert point.violation_thermal_ns > 60 * SECOND


def test_no_airflow_shuts_down_and_the_engines_stop() -> None:
    card = Card(activity=FULL_GEMM, airflow=0.05)
    point = card.run(200)
    assert point.flags & lib.GAUDI_THERMAL_SHUTDOWN
    card.publish()
    assert card.at(card.now).power_w < 150
