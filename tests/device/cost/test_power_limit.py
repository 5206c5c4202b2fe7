"""Where a steady load settles, computed from the specs."""

from dataclasses import replace

import pytest

from device.cost.power_limit import CardPlace, find_card_place, settled_clock
from device.engine_class import EngineShares


@pytest.fixture
def place() -> CardPlace:
    found = find_card_place("gaudi2")
    assert found is not None
    return found


def test_asic_without_a_card_has_no_place() -> None:
    assert find_card_place("gaudi9") is None


def test_idle_card_keeps_its_clock_and_draws_its_idle_power(place: CardPlace) -> None:
    settled = settled_clock(lambda ratio: EngineShares(), place)
    assert (settled.ratio, settled.is_limited) == (1.0, False)
    assert settled.power_w == pytest.approx(place.card.power.idle_w, abs=1.0)
    assert settled.die_c == pytest.approx(place.ambient_c + place.card.thermal.r_die_k_per_w * settled.power_w)


def test_full_load_stays_within_the_limit_and_the_next_grain_would_not(place: CardPlace) -> None:
    busy = EngineShares(mme=1.0, hbm=0.2)
    settled = settled_clock(lambda ratio: busy, place)
    power, grain = place.card.power, place.card.control.grain
    assert settled.is_limited
    assert settled.power_w <= power.limit_default_w < settled.power_w + power.mme_w * grain * 1.05


def test_hot_air_slows_the_card_by_its_temperature(place: CardPlace) -> None:
    hot = replace(place, ambient_c=60.0)
    settled = settled_clock(lambda ratio: EngineShares(mme=1.0), hot)
    assert settled.die_c <= hot.card.thermal.slowdown_c
    assert settled.power_w < 0.7 * hot.card.power.limit_default_w


def test_air_that_cools_nothing_leaves_the_floor(place: CardPlace) -> None:
    settled = settled_clock(lambda ratio: EngineShares(mme=1.0), replace(place, ambient_c=90.0))
    assert settled.ratio == place.card.control.floor
