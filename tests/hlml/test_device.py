"""Getters of a device against the snapshot of the same moment, and the ways to find a device."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from pathlib import Path

import pytest
from private_box import PrivateBox

import hlml
from device.card import Box

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def card(box: PrivateBox) -> Iterator[hlml.Device]:
    """A card with memory in use and a limit of its own, under load, in a box whose clock stands still."""
    with Box.open(box.path) as writer, hlml.attached() as devices:
        writer.cards[2].acquire()
        writer.cards[2].publish_memory(3 << 30)
        writer.cards[2].publish_activity((1.0, 0.2, 0.0, 0.3, 0.0, 0.0), 1.0)
        devices[2].set_power_limit_mw(400_000)
        writer.set_clock(rate=0.0)
        writer.set_clock(step_ns=300_000_000)
        yield devices[2]


@pytest.mark.parametrize(
    ("getter", "field"),
    [
        ("name", "name"),
        ("serial", "serial"),
        ("uuid", "uuid"),
        ("module_id", "module_id"),
        ("status", "status"),
        ("temperature_c", "temperature_c"),
        ("power_mw", "power_54v_mw"),
        ("power_limit_mw", "power_54v_limit_mw"),
        ("clock_soc_mhz", "clock_soc_mhz"),
        ("utilization_percent", "utilization_aip_percent"),
        ("memory_used_bytes", "memory_used_bytes"),
        ("energy_mj", "energy_mj"),
        ("throttle_reasons", "throttle_reasons"),
    ],
)
def test_getter_and_snapshot_of_a_frozen_moment_agree(card: hlml.Device, getter: str, field: str) -> None:
    value = getattr(card, getter)
    assert value == getattr(card.snapshot(), field)
    assert value or getter == "throttle_reasons"


def test_device_is_found_by_every_name(card: hlml.Device) -> None:
    assert card.bus_id == card.snapshot().pci.bus_id
    for word in (card.uuid, card.serial, card.bus_id, card.bus_id.removeprefix("0000:"), card.uuid.lower()):
        assert hlml.find_device(word).index == 2
    with pytest.raises(hlml.NotFoundError, match="no card has the UUID"):
        hlml.find_device("2")


def test_attached_detaches_also_after_an_error(box: PrivateBox) -> None:
    with pytest.raises(ZeroDivisionError), hlml.attached() as devices:
        assert len(devices) == 8
        raise ZeroDivisionError
    with pytest.raises(hlml.UninitializedError):
        hlml.devices()


def test_iteration_waits_for_events(box: PrivateBox) -> None:
    with hlml.attached() as devices, Box.open(box.path) as writer:
        reader = hlml.EventReader(devices)
        writer.cards[1].post_event(hlml.EventKind.DRAM_ERROR, 7)
        event = next(iter(reader))
    assert (event.card_index, event.names, event.argument) == (1, ("DRAM_ERROR",), 7)


def test_examples_of_the_documentation(box: PrivateBox) -> None:
    failed, tried = doctest.testfile(str(DOCS / "hlml-python.md"), module_relative=False)
    assert (failed, tried > 15) == (0, True)


def test_examples_of_the_package(box: PrivateBox) -> None:
    failed, tried = doctest.testmod(hlml)
    assert (failed, tried > 0) == (0, True)
