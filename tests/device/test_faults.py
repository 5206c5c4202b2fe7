"""The catalogue, injecting and healing, and the gate that engines ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from device.card import Box
from device.errors import BoxError
from device.faults import FaultGate, catalogue, fault_of_kind, find_fault, heal, inject, parse_degree


@pytest.fixture
def opened(box: Any) -> Iterator[Box]:
    with Box.open(box.path) as opened:
        yield opened


def test_numbers_and_names_are_unique_and_sentences_end() -> None:
    faults = catalogue()
    assert len({fault.number for fault in faults}) == len({fault.name for fault in faults}) == len(faults)
    assert all(fault.minimum <= fault.default <= fault.maximum for fault in faults)
    assert all(fault.visible.endswith(".") for fault in faults)
    assert all(fault_of_kind(fault.number) is fault for fault in faults)
    assert fault_of_kind(9999) is None


def test_a_slip_gets_a_proposal() -> None:
    with pytest.raises(BoxError, match="did you mean 'airflow'"):
        find_fault("airflw")
    with pytest.raises(BoxError, match="there are mme-bitflip"):
        find_fault("xyz")


@pytest.mark.parametrize(("text", "value"), [("0.25", 0.25), ("25%", 0.25), ("1e-3", 1e-3)])
def test_degrees_are_numbers_or_percentages(text: str, value: float) -> None:
    assert parse_degree(find_fault("mme-bitflip"), text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "much", "2", "-1", "nan"])
def test_a_bad_degree_says_what_it_means(text: str) -> None:
    with pytest.raises(BoxError, match="chance of every matrix multiplication"):
        parse_degree(find_fault("mme-bitflip"), text)


@pytest.mark.parametrize("name", [fault.name for fault in catalogue()])
def test_every_fault_can_be_injected_listed_and_healed(opened: Box, name: str) -> None:
    fault = find_fault(name)
    inject(opened, 3, fault, seed=5)
    passes = name in ("non-fatal-event", "thermal-event")  # over at once, nothing stays
    assert [record.kind for record in opened.card(3).faults()] == ([] if passes else [fault.number])
    assert opened.card(2).faults() == ()
    heal(opened, 3, fault)
    assert opened.card(3).faults() == ()


def test_a_slow_card_has_a_lower_clock_until_it_is_healed(opened: Box) -> None:
    opened.set_clock(rate=0.0)
    card = opened.card(0)
    inject(opened, 0, find_fault("slow-card"), 0.5)
    opened.set_clock(step_ns=10_000_000_000)
    assert card.read().clock_ratio == pytest.approx(0.5, abs=0.07)
    heal(opened, 0)
    opened.set_clock(step_ns=10_000_000_000)
    assert card.read().clock_ratio == 1.0


@pytest.mark.parametrize(("name", "degree"), [("airflow", 0.3), ("ambient", 60.0)])
def test_conditions_warm_the_card_and_healing_cools_it(opened: Box, name: str, degree: float) -> None:
    opened.set_clock(rate=0.0)
    card = opened.card(0)
    cool_c = card.read().die_c
    inject(opened, 0, find_fault(name), degree)
    opened.set_clock(step_ns=3_600_000_000_000)
    assert card.read().die_c > cool_c + 3
    heal(opened, 0)
    opened.set_clock(step_ns=3_600_000_000_000)
    assert card.read().die_c == pytest.approx(cool_c, abs=0.5)


def test_a_lost_card_comes_back(opened: Box) -> None:
    inject(opened, 1, find_fault("lost"))
    assert opened.card(1).pulse().is_lost
    heal(opened, 1)
    assert not opened.card(1).pulse().is_lost


def test_a_link_flaps_at_both_ends_and_its_toggles_count(opened: Box) -> None:
    """Down at every multiple of 2 s of box time, for 0.3 s; nobody ticks, readers evaluate."""
    module, peer_port = opened.card(0).cable(5)
    peer = next(card for card in opened.cards if card.identity.module_id == module)
    opened.set_clock(rate=0.0)
    opened.set_clock(step_ns=2_000_000_000 - opened.now_ns() % 2_000_000_000 + 1_000_000_000)
    inject(opened, 0, find_fault("link-flap"), 5)
    ups = []
    for _ in range(8):
        up = (bool(opened.card(0).links_up() >> 5 & 1), bool(peer.links_up() >> peer_port & 1))
        ups.append(up)
        opened.set_clock(step_ns=250_000_000)
    assert set(ups) == {(True, True), (False, False)}
    assert ups.count((False, False)) == 2
    counters = [opened.card(0).port_counters(5), peer.port_counters(peer_port)]
    assert [each["pcs_link_toggles"] for each in counters] == [2, 2]
    heal(opened, 0)
    opened.set_clock(step_ns=1_000_000_000)
    assert opened.card(0).links_up() >> 5 & 1 and peer.links_up() >> peer_port & 1
    assert opened.card(0).port_counters(5)["pcs_link_toggles"] == 2


def test_a_link_that_goes_down_is_down_at_both_ends_and_tells_which_one_did_it(opened: Box) -> None:
    module, peer_port = opened.card(0).cable(5)
    peer = next(card for card in opened.cards if card.identity.module_id == module)
    inject(opened, 0, find_fault("link-down"), 5)
    assert not peer.links_up() >> peer_port & 1
    own, other = opened.card(0).port_counters(5), peer.port_counters(peer_port)
    assert (own["pcs_local_faults"], own["pcs_remote_faults"]) == (1, 0)
    assert (other["pcs_local_faults"], other["pcs_remote_faults"]) == (0, 1)
    heal(opened, 0)
    assert peer.links_up() >> peer_port & 1
    assert opened.card(0).port_counters(5)["pcs_link_restores"] == 1


def test_bit_errors_belong_to_a_port(opened: Box) -> None:
    fault = find_fault("link-ber")
    record = inject(opened, 0, fault, 1e-6, address=23)
    assert (record.degree, record.address) == (1e-6, 23)
    with pytest.raises(BoxError, match="no port 24"):
        inject(opened, 0, fault, 1e-6, address=24)


def test_a_link_goes_down_and_up(opened: Box) -> None:
    before = opened.card(0).links_up()
    inject(opened, 0, find_fault("link-down"), 5)
    inject(opened, 0, find_fault("link-down"), 7)
    assert opened.card(0).links_up() == before & ~(1 << 5 | 1 << 7)
    heal(opened, 0, find_fault("link-down"))
    assert opened.card(0).links_up() == before


def test_a_state_cannot_happen_once(opened: Box) -> None:
    with pytest.raises(BoxError, match="state and not an event"):
        inject(opened, 0, find_fault("airflow"), 0.5, is_once=True)


def _strikes(opened: Box, questions: int) -> list[bool]:
    gate = FaultGate(opened.card(0))
    struck = []
    for _ in range(questions):
        gate.refresh()
        struck.append(bool(gate.strikes("mme-bitflip")))
    return struck


def test_the_gate_is_silent_without_faults(opened: Box) -> None:
    assert _strikes(opened, 3) == [False] * 3


def test_chance_is_deterministic_by_seed(opened: Box) -> None:
    inject(opened, 0, find_fault("mme-bitflip"), 0.3, seed=1)
    first = _strikes(opened, 200)
    assert 30 <= sum(first) <= 90
    assert _strikes(opened, 200) == first


def test_once_heals_itself_and_leaves_others_of_its_kind(opened: Box) -> None:
    inject(opened, 0, find_fault("mme-bitflip"), 1.0, seed=1, is_once=True)
    assert _strikes(opened, 3) == [True, False, False]
    assert opened.card(0).faults() == ()
    inject(opened, 0, find_fault("mme-bitflip"), 0.0, seed=2)
    inject(opened, 0, find_fault("mme-bitflip"), 1.0, seed=3, is_once=True)
    assert _strikes(opened, 2) == [True, False]
    assert [record.seed for record in opened.card(0).faults()] == [2]
