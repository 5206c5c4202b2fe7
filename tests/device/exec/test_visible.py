"""Which cards a program sees: the rules of the container runtime."""

from __future__ import annotations

import pytest

from device.errors import BoxError
from device.exec.visible import visible_cards, visible_environment

MODULES = (6, 7, 2, 0)  # of the cards 0 to 3


def indices(devices=None, **environment: str) -> tuple[int, ...]:
    return visible_cards(MODULES, devices, environment).indices


def test_without_any_word_all_cards_are_seen_and_the_environment_stays():
    visible = visible_cards(MODULES, None, {})
    assert visible.is_all and visible.indices == (0, 1, 2, 3)
    assert visible_environment(visible, MODULES) == {}


def test_the_option_wins_over_devices_and_devices_over_modules():
    assert indices([3], HABANA_VISIBLE_DEVICES="0", HABANA_VISIBLE_MODULES="7") == (3,)
    assert indices(HABANA_VISIBLE_DEVICES="0", HABANA_VISIBLE_MODULES="7") == (0,)
    assert indices(HABANA_VISIBLE_MODULES="7,0") == (1, 3)


def test_modules_are_told_in_the_order_of_the_devices():
    visible = visible_cards(MODULES, None, {"HABANA_VISIBLE_DEVICES": "2,0"})
    expected = {"HABANA_VISIBLE_DEVICES": "2,0", "HABANA_VISIBLE_MODULES": "2,6"}
    assert visible_environment(visible, MODULES) == expected


@pytest.mark.parametrize("value", ["all", " all "])
def test_all_means_all(value):
    assert indices(HABANA_VISIBLE_DEVICES=value) == indices(HABANA_VISIBLE_MODULES=value) == (0, 1, 2, 3)


@pytest.mark.parametrize("value", ["", "none", "void"])
def test_no_card_can_be_asked_for(value):
    assert indices(HABANA_VISIBLE_DEVICES=value) == ()
    assert visible_environment(visible_cards(MODULES, None, {"HABANA_VISIBLE_DEVICES": value}), MODULES) == {
        "HABANA_VISIBLE_DEVICES": "",
        "HABANA_VISIBLE_MODULES": "",
    }


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("HABANA_VISIBLE_DEVICES", "4", "no card 4"),
        ("HABANA_VISIBLE_MODULES", "5", "no module 5"),
        ("HABANA_VISIBLE_DEVICES", "0;1", "comma list"),
        ("HABANA_VISIBLE_DEVICES", "-1", "comma list"),
        ("HABANA_VISIBLE_DEVICES", "1111", "comma list"),
        ("HABANA_VISIBLE_MODULES", "one", "comma list"),
    ],
)
def test_what_no_card_has_is_named(name, value, word):
    with pytest.raises(BoxError, match=word):
        visible_cards(MODULES, None, {name: value})


def test_a_card_that_is_named_twice_is_seen_once():
    assert indices([0, 0, 2]) == (0, 2)
