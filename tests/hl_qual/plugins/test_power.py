"""The parts of the power tests that need no card: levels, the meter, the judgement."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.recipe import launch_cost
from device.spec import load_spec
from hl_qual.plugins.matmul_workload import compiled
from hl_qual.plugins.power_judge import power_findings
from hl_qual.plugins.power_levels import INCREASING, LEVELS, step_of
from hl_qual.plugins.power_meter import PowerMeter

LIMITS = {"extreme_min_power": 530.0, "min_busy_share": 0.9}
CLOCK = (1400.0, 1650.0)


@given(st.integers(1, 500))
def test_increasing_power_never_falls_and_ends_at_the_top(pulses: int) -> None:
    steps = [step_of(pulse, pulses) for pulse in range(pulses)]
    assert steps == sorted(steps)
    assert steps[-1] == len(INCREASING) - 1
    assert pulses < len(INCREASING) or set(steps) == set(range(len(INCREASING)))


def test_levels_differ_by_what_the_engines_do() -> None:
    spec = load_spec("gaudi2")
    busy = {level: launch_cost(compiled("gaudi2", shape), spec).busy for level, shape in LEVELS.items()}
    assert busy["extreme"].mme == pytest.approx(1.0)
    assert busy["high"].hbm == pytest.approx(1.0) and busy["high"].mme < 0.7
    assert busy["low"].tpc > busy["low"].mme > 0


def meter_over(power_w: list[float], settle_s: float) -> PowerMeter:
    """A meter that has seen a tenth of a second of each power."""

    def readings() -> Iterator[SimpleNamespace]:
        energy_j = 7.0
        for number, watts in enumerate([*power_w, 0.0]):
            yield SimpleNamespace(box_ns=number * 100_000_000, energy_j=energy_j)
            energy_j += watts * 0.1

    source = readings()
    meter = PowerMeter(lambda: next(source), settle_s)
    meter.begin()
    for _ in power_w[:-1]:
        meter.sample()
    return meter


def test_meter_leaves_the_settling_time_out() -> None:
    span = meter_over([600.0, 600.0, 500.0, 520.0, 540.0], settle_s=0.2).end()
    assert span is not None
    assert (span.seconds, span.mean_w) == (pytest.approx(0.3), pytest.approx(520.0))
    assert (span.minimum_w, span.maximum_w) == (pytest.approx(500.0), pytest.approx(540.0))


def test_meter_without_a_window_after_settling_has_measured_nothing() -> None:
    assert meter_over([600.0, 600.0], settle_s=1.0).end() is None


def codes(mean_w: float | None, busy_share: float) -> list[str]:
    return [finding.code for finding in power_findings("extreme", mean_w, busy_share, CLOCK, LIMITS)]


def test_low_power_fails_and_a_slow_host_is_named_as_the_cause() -> None:
    assert codes(530.0, 1.0) == codes(545.0, 0.2) == []
    assert codes(529.9, 0.99) == ["POWER_BELOW_WINDOW"]
    assert codes(400.0, 0.6) == ["HOST_TOO_SLOW"]
    assert codes(None, 1.0) == ["NO_MEASUREMENT"]
