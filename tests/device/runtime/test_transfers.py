"""Copies, fills and checks: what they cost in device time, what they move, and what the card shows meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import hlml
from device.card import Box
from device.cost import pcie_bytes_per_s
from device.dtypes import DataType
from device.engine_class import EngineClass
from device.errors import DeviceResetError, LaunchError
from device.faults import find_fault, heal, inject
from device.graph import GraphBuilder, compile_graph
from device.memory import Pattern, PatternKind
from device.runtime import Card, ExecutionMode, MemorySpace

MIB = 1 << 20
NOISE = Pattern(PatternKind.RANDOM, 1)


@pytest.fixture
def opened(box: Any) -> Iterator[Box]:
    with Box.open(box.path) as opened:
        yield opened


@pytest.fixture
def card(opened: Box) -> Iterator[Card]:
    with Card.acquire(0, opened) as card:
        yield card


def test_a_copy_from_the_host_costs_what_the_link_carries(card: Card) -> None:
    data = np.ones(64 * MIB, np.uint8)
    buffer = card.malloc(data.size)
    up = card.copy_to_device(buffer, data).result()
    down = card.copy_from_device(buffer, data).result()
    pcie = card.spec.pcie
    expected_s = pcie.overhead_ns * 1e-9 + data.size / pcie_bytes_per_s(card.spec, pcie.generation, pcie.lanes)
    for result in (up, down):
        assert result.device_time_s == pytest.approx(expected_s)
        assert result.size_bytes == data.size
        assert result.dilation == pytest.approx(result.box_time_s / result.device_time_s)
    assert up.bytes_per_s == pytest.approx(29.6e9, rel=0.01)


def test_directions_of_the_link_do_not_wait_for_each_other_but_two_uploads_do(card: Card) -> None:
    data, back = np.ones(32 * MIB, np.uint8), np.empty(32 * MIB, np.uint8)
    one, two = card.malloc(data.size), card.malloc(data.size)
    alone_s = card.copy_to_device(one, data).result().device_time_s
    up, down = card.create_stream(), card.create_stream()
    both = [card.copy_to_device(one, data, up), card.copy_from_device(two, back, down)]
    # They share the HBM, which one of them needs for a small part of its time.
    assert [each.result().device_time_s for each in both] == pytest.approx([alone_s] * 2, rel=0.02)
    uploads = [card.copy_to_device(one, data, up), card.copy_to_device(two, data, down)]
    assert sorted(each.result().device_time_s for each in uploads) == pytest.approx([alone_s, 2 * alone_s])


def test_a_copy_within_the_card_uses_as_many_channels_as_it_may(card: Card) -> None:
    source, target = card.malloc(64 * MIB), card.malloc(64 * MIB)
    card.fill(source, NOISE)
    rates = {
        channels: card.copy(target, source, channels=channels).result().bytes_per_s for channels in (1, 2, 5, None)
    }
    assert rates[1] == pytest.approx(208e9, rel=0.01)
    assert rates[2] == pytest.approx(2 * rates[1], rel=0.01)
    assert rates[5] == rates[None] == pytest.approx(1.04e12, rel=0.01)
    with pytest.raises(LaunchError, match="6 DMA channels; a gaudi2 has 1 to 5"):
        card.copy(target, source, channels=6)
    host = np.empty(64 * MIB, np.uint8)
    card.copy_from_device(target, host)
    expected = np.empty(64 * MIB, np.uint8)
    NOISE.fill(expected, source.address)
    assert (host == expected).all()


def test_the_tpc_copies_as_fast_as_the_hbm_lets_it(card: Card) -> None:
    source, target = card.malloc(64 * MIB), card.malloc(64 * MIB)
    rate = card.copy(target, source, engine=EngineClass.TPC).result().bytes_per_s
    assert rate == pytest.approx(card.spec.hbm.bytes_per_s / 2, rel=0.01)
    assert card.check(card.malloc(64 * MIB), NOISE).result().bytes_per_s == pytest.approx(
        card.spec.hbm.bytes_per_s, rel=0.01
    )
    filled = card.fill(source, NOISE, engine=EngineClass.TPC).result()
    assert filled.bytes_per_s == pytest.approx(card.spec.hbm.bytes_per_s, rel=0.01)


def test_bytes_go_between_hbm_and_sram_and_back(card: Card) -> None:
    size = 3 * MIB + 8
    hbm, sram, back = card.malloc(size), card.malloc(size, MemorySpace.SRAM), card.malloc(size)
    card.fill(hbm, NOISE)
    card.copy(sram, hbm)
    card.copy(back, sram)
    wanted, got = np.empty(size, np.uint8), np.empty(size, np.uint8)
    card.copy_from_device(hbm, wanted)
    card.copy_from_device(back, got)
    assert (wanted == got).all()
    card.free(sram)
    with pytest.raises(LaunchError, match="no allocated device memory"):
        card.copy(hbm, sram)


def test_a_cache_has_no_addresses(tmp_path: Any) -> None:
    from device.box_control import create_box, retire_box
    from device.box_spec import load_box_spec

    create_box(tmp_path / "box", load_box_spec("hls3"), "box")
    try:
        with Card.acquire(0, tmp_path / "box") as card:
            with pytest.raises(LaunchError, match="SRAM of a gaudi3 is a cache"):
                card.malloc(8, MemorySpace.SRAM)
            source, target = card.malloc(8 * MIB), card.malloc(8 * MIB)
            assert card.copy(target, source).result().bytes_per_s > 1e12
    finally:
        retire_box(tmp_path / "box")


def test_commands_keep_their_turn_on_a_stream_and_events_measure_them(card: Card) -> None:
    stream = card.create_stream()
    source, target = card.malloc(2 * MIB), card.malloc(2 * MIB)
    begin = stream.record()
    card.fill(source, NOISE, stream)
    copied = card.copy(target, source, stream)
    done = stream.record()
    checked = card.check(target, NOISE.inverted(), stream, most=2)
    stream.synchronize()
    assert done.seconds_since(begin) >= copied.result().device_time_s > 0
    assert checked.result().mismatches.count == 2 * MIB // 8
    assert [each.position for each in checked.result().mismatches.first] == [target.address, target.address + 8]


def test_overlapping_and_foreign_ranges_are_refused(card: Card) -> None:
    buffer = card.malloc(MIB)
    with pytest.raises(LaunchError, match="which overlap"):
        card.copy(buffer.part(8, 1024), buffer.part(0, 1024))
    with pytest.raises(LaunchError, match="no part of a buffer"):
        buffer.part(MIB - 8, 16)
    card.free(buffer)
    with pytest.raises(LaunchError, match="no allocated device memory"):
        card.fill(buffer, NOISE)


def test_a_whole_card_is_filled_and_checked_in_little_host_memory(opened: Box) -> None:
    with Card.acquire(1, opened, memory_budget_bytes=64 * MIB) as card:
        buffer = card.malloc(card.largest_free_bytes, is_sparse=True)
        assert opened.card(1).read().memory_used_bytes == 96 << 30
        filled = card.fill(buffer, NOISE, engine=EngineClass.TPC).result()
        assert filled.device_time_s == pytest.approx(buffer.size_bytes / card.spec.hbm.bytes_per_s, rel=0.01)
        last = buffer.part(buffer.size_bytes - 64 * MIB, 64 * MIB)
        assert card.check(last, NOISE).result().mismatches.count == 0


def test_a_reset_ends_a_command_between_two_pieces(opened: Box, card: Card) -> None:
    buffer = card.malloc(card.largest_free_bytes, is_sparse=True)
    stream = card.create_stream()
    check = card.check(buffer, NOISE, stream)
    opened.card(0).reset(0)
    with pytest.raises(DeviceResetError):
        check.result()


def test_model_mode_paces_copies_and_has_nothing_to_check(opened: Box) -> None:
    with Card.acquire(0, opened, mode=ExecutionMode.MODEL) as card:
        source, target = card.malloc(1 << 30, is_sparse=True), card.malloc(1 << 30, is_sparse=True)
        begin_ns = opened.now_ns()
        results = [card.copy(target, source).result() for _ in range(5)]
        assert (opened.now_ns() - begin_ns) * 1e-9 >= sum(result.device_time_s for result in results) > 0.005
        with pytest.raises(LaunchError, match="nothing to check"):
            card.check(source, NOISE)


def test_bytes_that_cross_the_link_are_counted_and_seen(opened: Box, card: Card) -> None:
    buffer = card.malloc(4 * MIB)
    opened.set_clock(rate=0.0)  # the counter looks back over 10 ms of box time
    card.copy_to_device(buffer, np.zeros(4 * MIB, np.uint8))
    card.copy(card.malloc(4 * MIB), buffer)
    hlml.init()
    rates = hlml.devices()[0].snapshot()
    hlml.shutdown()
    assert rates.pcie_rx_kbps > 0
    assert rates.pcie_tx_kbps == 0


def test_a_slow_hbm_slows_what_it_bounds_and_nothing_else(opened: Box, card: Card) -> None:
    source, target = card.malloc(64 * MIB), card.malloc(64 * MIB)
    data = np.zeros(8 * MIB, np.uint8)

    def rates() -> list[float]:
        transfers = (card.check(source, NOISE), card.copy(target, source), card.copy_to_device(target, data))
        return [transfer.result().bytes_per_s for transfer in transfers]

    normal = rates()
    inject(opened, 0, find_fault("hbm-slow"), 0.5)
    inject(opened, 0, find_fault("hbm-slow"), 0.25)
    slow = rates()
    assert slow[0] == pytest.approx(normal[0] / 4, rel=0.01)
    assert slow[1] == pytest.approx(card.spec.hbm.bytes_per_s / 4 / 2, rel=0.01)
    assert slow[2] == pytest.approx(normal[2])
    heal(opened, 0)
    assert rates() == pytest.approx(normal)


def test_a_slow_hbm_slows_launches(opened: Box, card: Card) -> None:
    graph = GraphBuilder("add")
    a, b = (graph.input(name, (1 << 20,), DataType.F32) for name in "ab")
    graph.output(graph.add(a, b), "c")
    recipe = compile_graph(graph.build(), card.spec)
    buffers = {name: card.malloc(4 * MIB) for name in "abc"}
    stream = card.create_stream()
    normal_s = stream.launch(recipe, buffers).result().device_time_s
    inject(opened, 0, find_fault("hbm-slow"), 0.5)
    assert stream.launch(recipe, buffers).result().device_time_s == pytest.approx(2 * normal_s, rel=0.01)


def test_what_was_copied_is_checked_by_its_origin(card: Card) -> None:
    whole = card.malloc(16 * MIB, is_sparse=True)
    first, second = whole.part(0, 8 * MIB), whole.part(8 * MIB, 8 * MIB)
    card.fill(first, NOISE)
    card.copy(second, first)
    assert card.check(second, NOISE, origin=first).result().mismatches.count == 0
    assert card.check(second, NOISE).result().mismatches.count > 0
    card.copy_to_device(second.part(MIB, 8), np.zeros(8, np.uint8))
    found = card.check(second, NOISE, origin=first).result().mismatches
    assert [each.position for each in found.first] == [second.address + MIB]


def test_a_reset_by_the_holder_begins_anew(opened: Box, card: Card) -> None:
    buffer = card.malloc(card.largest_free_bytes, is_sparse=True)
    in_flight = card.check(buffer, NOISE, card.create_stream())
    opened.set_clock(rate=100.0)
    before = opened.card(0).read()
    card.reset()
    with pytest.raises(DeviceResetError):
        in_flight.result()
    after = opened.card(0).read()
    assert after.reset_count == before.reset_count + 1
    assert (after.box_ns - before.box_ns) * 1e-9 >= 3  # reset_s of the card's spec
    with pytest.raises(LaunchError, match="no allocation begins"):
        card.free(buffer)
    again = card.malloc(MIB)
    card.fill(again, NOISE, card.create_stream()).result()
