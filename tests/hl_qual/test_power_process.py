"""-s as a process on emulated cards: the levels pass, and each fault fails the card that has it, by its own code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from device.card import Box
from device.faults import find_fault, inject

TWO = "-gaudi2 -c 0000:19:00.0,0000:1a:00.0 -rmod parallel -dis_mon"
ONE = "-gaudi2 -c 0000:19:00.0 -rmod parallel -dis_mon"


@pytest.fixture
def opened(box: Any) -> Iterator[Box]:
    with Box.open(box.path) as opened:
        yield opened


def at(box: Box, bus: str) -> int:
    """The number of the card on a bus."""
    return next(card.index for card in box.cards if card.identity.bus_id == f"0000:{bus}:00.0")


@pytest.mark.parametrize(("level", "low", "high"), [("extreme", 530, 560), ("high", 450, 490)])
def test_a_healthy_card_draws_what_the_level_documents(
    qualify: Callable[..., Any], level: str, low: float, high: float
) -> None:
    done = qualify(f"{TWO} -s -l {level} -t 4")
    assert done.status == 0, done.stdout + done.stderr
    assert done.consumers() == ["2 passed, 0 failed PASSED", "one", "clean", "brackets"]
    power = done.metrics()["mean_power"]
    assert low <= power["value"] <= high
    assert (power["limit"], power["clock"], power["basis"]) == (low, "box", "measured")
    coverage = done.twin["devices"][0]["coverage"]
    assert coverage["checked"] >= 2 and coverage["is_last_checked"] and not coverage["mismatched"]


def test_default_level_is_high_and_pulse_switches_are_accepted(qualify: Callable[..., Any]) -> None:
    done = qualify(f"{ONE} -s -t 3 -Tw 1 -Ts 1 -sync")
    assert done.status == 0, done.stdout + done.stderr
    assert "level high" in done.stdout and "without effect in this test: -Tw -Ts -sync" in done.stdout


@pytest.mark.parametrize("level", ["extreme", "high"])
def test_a_slow_card_draws_too_little(qualify: Callable[..., Any], opened: Box, level: str) -> None:
    inject(opened, at(opened, "1a"), find_fault("slow-card"), degree=0.5)
    done = qualify(f"{TWO} -s -l {level} -t 4")
    assert done.status == 1
    slow = opened.card(at(opened, "1a")).identity.module_id
    assert done.codes[slow] == ["POWER_BELOW_WINDOW"]
    assert [found for module, found in done.codes.items() if module != slow] == [[]]
    assert done.consumers()[0] == "1 passed, 1 failed FAILED"


def test_a_slightly_slow_card_shows_at_extreme(qualify: Callable[..., Any], opened: Box) -> None:
    inject(opened, at(opened, "19"), find_fault("slow-card"), degree=0.8)
    assert list(qualify(f"{ONE} -s -l extreme -t 3").codes.values()) == [["POWER_BELOW_WINDOW"]]


@pytest.mark.parametrize(("fault", "degree"), [("airflow", 0.1), ("ambient", 80.0)])
def test_a_hot_card_trips_the_thermal_protection(
    qualify: Callable[..., Any], opened: Box, fault: str, degree: float
) -> None:
    opened.set_clock(rate=4.0)
    inject(opened, at(opened, "19"), find_fault(fault), degree=degree)
    done = qualify(f"{ONE} -s -l extreme -t 16")
    assert done.status == 1
    (codes,) = done.codes.values()
    assert "THERMAL_THROTTLING" in codes
    assert done.stdout.startswith("NOTE the clock of this box runs at rate 4")


def test_a_wrong_result_is_located_and_its_rate_is_told(qualify: Callable[..., Any], opened: Box) -> None:
    inject(opened, at(opened, "19"), find_fault("mme-bitflip"))
    done = qualify(f"{ONE} -s -l high -t 3")
    assert set(done.codes.popitem()[1]) == {"MME_MISCOMPARE"}
    assert "wrong 10 of 10 times (100 %)" in done.stdout
    retests = done.twin["devices"][0]["retests"]
    assert [retest["failure_rate"] for retest in retests] == [1.0] * len(retests) and retests


def test_a_lower_power_limit_is_below_the_window(qualify: Callable[..., Any], opened: Box) -> None:
    opened.card(at(opened, "19")).set_limit(400_000)
    assert list(qualify(f"{ONE} -s -l extreme -t 3").codes.values()) == [["POWER_BELOW_WINDOW"]]


def test_a_test_without_time_to_settle_is_no_pass(qualify: Callable[..., Any]) -> None:
    done = qualify(f"{ONE} -s -t 0.5")
    assert "NO_MEASUREMENT" in done.codes.popitem()[1]
    assert done.status == 1


def test_pulses_of_two_cards_rise_together(qualify: Callable[..., Any]) -> None:
    done = qualify(f"{TWO} -e -l extreme -t 6 -Tw 1 -Ts 1 -sync")
    assert done.status == 0, done.stdout + done.stderr
    assert done.consumers() == ["2 passed, 0 failed PASSED", "one", "clean", "brackets"]
    found = done.metrics()
    assert found["pulses"]["value"] == 3
    assert found["work_power_extreme"]["value"] >= 530 > 100 > found["idle_power"]["value"]
    # A card of its own rhythm would be off by up to half a pulse.
    assert found["edge_skew"]["median"] < 200


def test_increasing_power_goes_through_all_levels(qualify: Callable[..., Any]) -> None:
    done = qualify(f"{ONE} -e -l inc_power -t 6 -Tw 1 -Ts 1")
    assert done.status == 0, done.stdout + done.stderr
    found = done.metrics()
    levels = [found[f"work_power_{level}"]["value"] for level in ("low", "high", "extreme")]
    assert levels == sorted(levels)
    assert "edge_skew" not in found


@pytest.mark.parametrize("level", ["extreme", "inc_power"])
def test_pulses_of_a_slow_card_are_too_low(qualify: Callable[..., Any], opened: Box, level: str) -> None:
    inject(opened, at(opened, "19"), find_fault("slow-card"), degree=0.5)
    done = qualify(f"{ONE} -e -l {level} -t 6 -Tw 1 -Ts 1")
    assert set(done.codes.popitem()[1]) == {"POWER_BELOW_WINDOW"}


@pytest.mark.parametrize(("fault", "degree"), [("airflow", 0.1), ("ambient", 80.0)])
def test_pulses_of_a_hot_card_trip_the_thermal_protection(
    qualify: Callable[..., Any], opened: Box, fault: str, degree: float
) -> None:
    opened.set_clock(rate=4.0)
    inject(opened, at(opened, "19"), find_fault(fault), degree=degree)
    done = qualify(f"{ONE} -e -l extreme -t 21 -Tw 20 -Ts 1")
    assert "THERMAL_THROTTLING" in done.codes.popitem()[1]
    assert done.status == 1


def test_a_time_shorter_than_one_pulse_is_not_executed(qualify: Callable[..., Any]) -> None:
    done = qualify(f"{ONE} -e -t 4 -Tw 2 -Ts 3")
    assert done.status == 3
    assert "shorter than one pulse" in done.stdout


def test_a_killed_runner_fails_its_card_only_though_all_pulse_together(box: Any, kill_a_runner: Any) -> None:
    done = kill_a_runner(f"{TWO} -e -t 8 -Tw 1 -Ts 1 -sync")
    assert done.status == 1
    assert sorted(done.codes.values()) == [["EDP_PEER_LOST"], ["RUNNER_SIGNAL"]]
    assert done.consumers()[0] == "1 passed, 1 failed FAILED"


def test_a_weak_card_is_found_by_comparison_alone(qualify: Callable[..., Any], opened: Box, tmp_path: Path) -> None:
    """The user's limits let it pass, its neighbours do not."""
    limits = tmp_path / "limits.ini"
    limits.write_text("[power_stress]\nextreme_min_power = 100\n")
    inject(opened, at(opened, "1a"), find_fault("slow-card"), degree=0.5)
    done = qualify(
        f"-gaudi2 -c 0000:19:00.0,0000:1a:00.0,0000:43:00.0 -rmod parallel -dis_mon -s -l extreme -t 4 {limits}"
    )
    assert sorted(done.codes.values()) == [[], [], ["NOT_HOMOGENEOUS"]]
    assert done.consumers()[0] == "2 passed, 1 failed FAILED"
    (comparison,) = done.twin["comparisons"]
    assert (comparison["metric"], comparison["cards"]) == ("mean_power", 3)


def test_a_port_that_is_down_fails_its_card_if_ports_are_checked(qualify: Callable[..., Any], opened: Box) -> None:
    assert qualify(f"{TWO} -s -t 3 -enable_ports_check int -toggle").status == 0
    inject(opened, at(opened, "1a"), find_fault("link-down"), degree=5)
    done = qualify(f"{TWO} -s -t 3 -enable_ports_check int -toggle")
    # A link has two ends; the other one may be a card that is not tested, or the other one that is.
    slow = opened.card(at(opened, "1a")).identity.module_id
    assert done.codes[slow] == ["PORT_DOWN"]
    assert "port_toggles" in done.metrics()
