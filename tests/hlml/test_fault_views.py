"""Faults that are states of a card, as programs that use HLML see them come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from private_box import PrivateBox

import hlml
from device.card import Box
from device.faults import find_fault, heal, inject

SETTLED_NS = 3600 * 1_000_000_000


@pytest.fixture
def box_and_card(box: PrivateBox) -> Iterator[tuple[Box, hlml.Device]]:
    """Card 3 at rest in a box whose clock stands still."""
    with Box.open(box.path) as opened, hlml.attached() as devices:
        opened.set_clock(rate=0.0)
        opened.set_clock(step_ns=SETTLED_NS)
        yield opened, devices[3]


@pytest.mark.parametrize(
    ("name", "degree", "see", "is_worse"),
    [
        ("ambient", 45.0, lambda card: card.temperature_c, lambda before, now: now >= before + 15),
        ("airflow", 0.2, lambda card: card.temperature_c, lambda before, now: now > before),
        ("slow-card", 0.5, lambda card: card.clock_soc_mhz, lambda before, now: now == before // 2),
        ("pcie-width", 4, lambda card: card.snapshot().pci.link.width_current, lambda before, now: now == 4),
        ("pcie-generation", 1, lambda card: card.snapshot().pci.link.generation_current, lambda before, now: now == 1),
    ],
)
def test_state_is_seen_through_hlml_until_it_is_healed(
    box_and_card: tuple[Box, hlml.Device],
    name: str,
    degree: float,
    see: Callable[[hlml.Device], int],
    is_worse: Callable[[int, int], bool],
) -> None:
    box, card = box_and_card
    before = see(card)
    inject(box, 3, find_fault(name), degree)
    box.set_clock(step_ns=SETTLED_NS)
    assert is_worse(before, see(card)), (before, see(card))
    heal(box, 3, find_fault(name))
    box.set_clock(step_ns=SETTLED_NS)
    assert see(card) == before
