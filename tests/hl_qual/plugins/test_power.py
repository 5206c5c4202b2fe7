"""The parts of the power tests that need no card: levels, the meter, the judgement."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.engine_class import EngineShares
from device.recipe import launch_cost
from device.spec import load_spec
from hl_qual.plugins.api import Preparation
from hl_qual.plugins.matmul_workload import compiled
from hl_qual.plugins.power_judge import power_findings
from hl_qual.plugins.power_levels import INCREASING, prepare_levels, shape_of, step_of
from hl_qual.plugins.power_meter import PowerMeter, PowerSpan

LIMITS = {"extreme_min_power": 530.0, "max_starved_share": 0.5}
CLOCK = (1400.0, 1650.0)


@given(st.integers(1, 500))
def test_increasing_power_never_falls_and_ends_at_the_top(pulses: int) -> None:
    steps = [step_of(pulse, pulses) for pulse in range(pulses)]
    assert steps == sorted(steps)
    assert steps[-1] == len(INCREASING) - 1
    assert pulses < len(INCREASING) or set(steps) == set(range(len(INCREASING)))


def test_a_family_without_power_limits_is_not_prepared(tmp_path: Path) -> None:
    preparation = Preparation(tmp_path, "gaudi2", 1, {}, lambda: False)
    with pytest.raises(ValueError, match="no power limit for level high on gaudi2 cards"):
        prepare_levels(preparation, ["high"])


def busy(family: str, level: str) -> EngineShares:
    return launch_cost(compiled(family, shape_of(family, level)), load_spec(family)).busy


@pytest.mark.parametrize("family", ["gaudi2", "gaudi3"])
def test_levels_differ_by_what_the_engines_do(family: str) -> None:
    assert busy(family, "extreme").mme > 0.95
    assert busy(family, "high").hbm == pytest.approx(1.0) and busy(family, "high").mme < 0.7
    assert busy(family, "low").tpc > busy(family, "low").mme > 0


def test_on_the_first_gaudi_the_memory_makes_the_difference() -> None:
    assert busy("gaudi", "extreme").mme == busy("gaudi", "high").mme == pytest.approx(1.0)
    assert busy("gaudi", "extreme").hbm > 2 * busy("gaudi", "high").hbm


def meter_over(power_w: list[float], settle_s: float, busy_shares: list[float] | None = None) -> PowerMeter:
    """A meter that has seen a tenth of a second of each power."""

    def readings() -> Iterator[SimpleNamespace]:
        energy_j = 7.0
        for number, watts in enumerate([*power_w, 0.0]):
            yield SimpleNamespace(box_ns=number * 100_000_000, energy_j=energy_j)
            energy_j += watts * 0.1

    source = readings()
    meter = PowerMeter(lambda: next(source), settle_s)
    busy_s = itertools.accumulate([0.0, *[0.1 * share for share in busy_shares or []]])
    meter.begin(None if busy_shares is None else lambda: next(busy_s))
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


def test_meter_leaves_out_what_the_host_starved() -> None:
    span = meter_over([500.0, 100.0, 520.0], settle_s=0.0, busy_shares=[1.0, 0.1, 0.9]).end()
    assert span is not None
    assert (span.mean_w, span.minimum_w) == (pytest.approx(510.0), pytest.approx(500.0))
    assert (span.seconds, span.starved_s) == (pytest.approx(0.2), pytest.approx(0.1))


def codes(mean_w: float, starved_s: float = 0.0) -> list[str]:
    span = PowerSpan(2.0, starved_s, mean_w, mean_w, mean_w, mean_w)
    return [finding.code for finding in power_findings("extreme", [span], CLOCK, LIMITS)]


def test_low_power_fails_and_so_does_a_host_that_left_too_little_to_measure() -> None:
    assert codes(530.0) == codes(545.0, starved_s=1.9) == []
    assert codes(529.9) == codes(529.9, starved_s=1.9) == ["POWER_BELOW_WINDOW"]
    assert codes(545.0, starved_s=2.1) == ["HOST_TOO_SLOW"]
    assert [finding.code for finding in power_findings("extreme", [None], CLOCK, LIMITS)] == ["NO_MEASUREMENT"]
