"""Whole snapshots, events and the version, against a box that something is done to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hlml
from device.box_control import retire_box, set_driver
from device.card import Box
from hlml._hlml import ffi, lib
from hlml.types import PORT_COUNTER_NAMES, RowReplacementCause


@pytest.fixture
def cards(box: Any) -> Iterator[list[hlml.Device]]:
    """The cards of a private box."""
    hlml.init()
    yield hlml.devices()
    hlml.shutdown()


@pytest.fixture
def writer(box: Any) -> Iterator[Box]:
    """The writing side of the same box."""
    with Box.open(for_writing=True) as opened:
        yield opened


def test_every_internal_port_leads_back_from_its_peer(cards: list[hlml.Device]) -> None:
    by_module = {card.snapshot().module_id: card.snapshot() for card in cards}
    for module, card in by_module.items():
        internal = [port for port in card.ports if port.peer_module is not None]
        assert len(internal) == 21 and not any(port.is_external for port in internal)
        for port in internal:
            back = by_module[port.peer_module].ports[port.peer_port]
            assert (back.peer_module, back.peer_port) == (module, port.port)


def test_external_ports_have_no_peer(cards: list[hlml.Device]) -> None:
    external = [port for port in cards[0].snapshot().ports if port.is_external]
    assert [port.port for port in external] == [8, 22, 23]
    assert all(port.peer_module is None and port.peer_port is None for port in external)


def test_counters_are_those_of_the_library(cards: list[hlml.Device]) -> None:
    port = cards[0].snapshot().ports[1]
    names, values = ffi.new("char[]", 256 * 32), ffi.new("uint64_t[]", 256)
    count = ffi.new("uint32_t *")
    info = ffi.new("hlml_nic_stats_info_t *", [1, names, values, count])
    assert lib.hlml_nic_get_statistics(cards[0]._handle, info) == 0
    told = [ffi.string(names + 32 * k).decode() for k in range(count[0])]
    assert tuple(told[: len(PORT_COUNTER_NAMES)]) == PORT_COUNTER_NAMES
    assert port.counters == tuple(values[k] for k in range(len(PORT_COUNTER_NAMES)))


def test_processors_near_the_card_are_those_of_its_numa_node(cards: list[hlml.Device]) -> None:
    lists = {card.snapshot().numa_node: card.snapshot().cpu_affinity for card in cards}
    assert lists[0] == (*range(40), *range(80, 120))
    assert lists[1] == (*range(40, 80), *range(120, 160))


def test_rows_in_force_and_pending_rows_are_apart(cards: list[hlml.Device], writer: Box) -> None:
    delta = ffi.new("gaudi_rows *")
    delta.row_count = 2
    delta.row[0] = (1, 2, 0, 3, 0x1A2B, 1, 0)
    delta.row[1] = (4, 5, 1, 6, 7, 0, 1)
    error = ffi.new("gaudi_error *")
    assert lib.gaudi_card_count_ecc(cards[2]._reader.card, delta, error) == 0
    card = cards[2].snapshot()
    (replaced,), (pending,) = card.replaced_rows, card.pending_rows
    assert (replaced.hbm, replaced.bank, replaced.row) == (1, 3, 0x1A2B)
    assert replaced.cause is RowReplacementCause.DOUBLE_BIT_ECC_ERROR
    assert (pending.pseudo_channel, pending.stack_id) == (5, 1)
    assert card.is_row_replacement_pending


def test_event_has_card_time_kind_and_argument(cards: list[hlml.Device], writer: Box) -> None:
    writer.cards[1].post_event(8, 11)
    reader = hlml.EventReader(cards)
    assert reader.wait(0) == []
    before_ns = cards[0].snapshot().box_time_ns
    writer.cards[5].post_event(1 | 32, 3)
    writer.cards[0].post_event(4, 0)
    first, second = reader.wait(0)
    assert (first.card_index, first.number, first.argument) == (5, 1, 3)
    assert first.names == ("ECC_ERROR", "DRAM_CORRECTED")
    assert before_ns <= first.box_time_ns <= second.box_time_ns
    assert (second.card_index, second.kind) == (0, hlml.EventKind.CLOCK_RATE)


def test_past_events_are_read_on_demand(cards: list[hlml.Device], writer: Box) -> None:
    writer.cards[1].post_event(8, 11)
    assert [event.argument for event in hlml.EventReader(cards, is_past_included=True).wait(0)] == [11]


def test_wait_is_woken_by_an_event(cards: list[hlml.Device], writer: Box) -> None:
    reader = hlml.EventReader(cards)
    events: list[hlml.Event] = []

    def listen() -> None:
        while not events:
            events.extend(reader.wait(1.0))

    listener = threading.Thread(target=listen)
    listener.start()
    writer.cards[3].post_event(2, 0)
    listener.join(timeout=20)
    assert [event.names for event in events] == [("CRITICAL_ERROR",)]


def test_events_that_the_ring_lost_are_counted(cards: list[hlml.Device], writer: Box) -> None:
    reader = hlml.EventReader(cards)
    for number in range(150):
        writer.cards[0].post_event(1, number)
    events = reader.wait(0)
    assert reader.lost_count == 22
    assert [event.argument for event in events] == list(range(22, 150))


def test_reader_of_a_box_that_is_gone_says_so(cards: list[hlml.Device], box: Any) -> None:
    reader = hlml.EventReader(cards)
    retire_box(box.path)
    with pytest.raises(hlml.DeviceLostError):
        reader.wait(0)


def test_version_is_known_without_a_driver(box: Any) -> None:
    hlml.init()
    version = hlml.box_info().hlml_version
    hlml.shutdown()
    assert hlml.installed_version() == version
    set_driver(box.path, False)
    with pytest.raises(hlml.DriverNotLoadedError):
        hlml.init()
    assert hlml.installed_version() == version


def test_version_of_a_foreign_or_missing_box_is_unknown(
    box: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAUDI_BOX", str(tmp_path / "nowhere"))
    assert hlml.installed_version() is None
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "box").write_bytes(b"AUDICARD" + b"\xff" * 65536)
    monkeypatch.setenv("GAUDI_BOX", str(foreign))
    assert hlml.installed_version() is None


def test_ports_of_a_snapshot_follow_the_links(cards: list[hlml.Device], writer: Box) -> None:
    before = cards[0].snapshot()
    assert cards[0].snapshot().ports is before.ports
    writer.set_link(0, 3, False)
    after = cards[0].snapshot()
    assert [port.port for port in after.ports if port not in before.ports] == [3]
    assert not after.ports[3].is_up
