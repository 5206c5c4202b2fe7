"""Memory faults of a card from their injection to data, counters, events and repaired rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import hlml
from device.address_map import AddressMap
from device.box_control import create_box, retire_box
from device.box_spec import load_box_spec
from device.card import Box, RepairCause
from device.errors import BoxError, EccError
from device.faults import find_fault, heal, inject
from device.kernel_log import read_log
from device.memory import Pattern, PatternKind
from device.recipe import Recipe
from device.runtime import Card, MemorySpace
from hlml.events import EventKind, EventReader

Make = Callable[..., Any]
MIB = 1 << 20
OWN = Pattern(PatternKind.ADDRESS)


@pytest.fixture
def opened(box: Any) -> Iterator[Box]:
    with Box.open(box.path) as opened:
        yield opened


@pytest.fixture
def card(opened: Box) -> Iterator[Card]:
    with Card.acquire(0, opened) as card:
        yield card


@pytest.fixture
def events(box: Any) -> Iterator[EventReader]:
    hlml.init()
    yield EventReader(hlml.devices()[:1])
    hlml.shutdown()


def first_row(card: Card) -> Any:
    addresses = AddressMap(card.spec.hbm)
    return addresses.row_of(addresses.base + card.spec.hbm.reserved_bytes)


def test_a_corrected_error_counts_and_leaves_the_data_alone(opened: Box, card: Card, events: EventReader) -> None:
    inject(opened, 0, find_fault("hbm-sbe"))
    buffer = card.malloc(4096)
    card.fill(buffer, OWN)
    assert opened.card(0).ecc_counters() == (0, 0)
    assert card.check(buffer, OWN).result().mismatches.count == 0
    assert opened.card(0).ecc_counters() == (1, 0)
    assert card.check(buffer.part(64, 64), OWN).result().mismatches.count == 0
    assert opened.card(0).ecc_counters() == (1, 0)
    posted = [event for event in events.wait(0.0) if event.kind & EventKind.DRAM_CORRECTED]
    assert [event.argument for event in posted] == [buffer.address]
    assert opened.card(0).row_repairs() == ()


def test_many_corrected_errors_make_a_row_suspect(opened: Box, card: Card) -> None:
    inject(opened, 0, find_fault("hbm-sbe"))
    buffer = card.malloc(4096)
    for _ in range(card.spec.hbm.single_bit_limit + 2):
        card.copy_from_device(buffer, np.empty(4096, np.uint8))
    (repair,) = opened.card(0).row_repairs()
    assert (repair.row, repair.cause, repair.is_pending) == (first_row(card), RepairCause.SINGLE_BIT, True)


def test_the_story_of_a_dying_row(
    opened: Box, card: Card, events: EventReader, gemm_recipe: Make, tensors: Make, operand: Make
) -> None:
    """Fail with the address, pending, reset, replaced, pass; a fault of the spare row acts again."""
    recipe: Recipe = gemm_recipe(64)
    buffers = tensors(card, recipe)
    row = first_row(card)
    inject(opened, 0, find_fault("hbm-dbe"), address=buffers["B"].address + 100)
    assert AddressMap(card.spec.hbm).row_of(buffers["B"].address) != row
    place = buffers["B"].address + 96
    stream = card.create_stream()
    with pytest.raises(EccError, match=rf"launch of recipe dense: node .*error at 0x{place:x}, HBM \d") as caught:
        stream.launch(recipe, buffers).result()
    assert caught.value.address == place
    with pytest.raises(EccError):
        stream.synchronize()
    assert opened.card(0).ecc_counters() == (0, 1)
    assert any(event.kind & EventKind.DRAM_ERROR and event.argument == place for event in events.wait(0.0))
    device = hlml.devices()[0]
    failing = AddressMap(card.spec.hbm).row_of(place)
    assert [(row.hbm, row.pseudo_channel, row.row) for row in device.snapshot().pending_rows] == [
        (failing.stack, failing.pseudo_channel, failing.row)
    ]
    assert [repair.is_pending for repair in opened.card(0).row_repairs()] == [True]
    assert any(f"address: 0x{place:x}." in line.text for line in read_log(opened))
    card.close()
    opened.card(0).reset(0)
    snapshot = device.snapshot()
    assert snapshot.pending_rows == ()
    assert [(row.hbm, row.bank) for row in snapshot.replaced_rows] == [(failing.stack, failing.bank)]
    assert [repair.cause for repair in opened.card(0).row_repairs()] == [RepairCause.DOUBLE_BIT]
    assert opened.card(0).ecc_counters() == (0, 0)
    with Card.acquire(0, opened) as again:
        fresh = tensors(again, recipe)
        assert fresh["B"] == buffers["B"]
        again.create_stream().launch(recipe, fresh).result()
        inject(opened, 0, find_fault("hbm-dbe"), address=place)
        with pytest.raises(EccError):
            again.copy_from_device(fresh["B"], np.empty(200, np.uint8))


def test_a_silent_error_is_a_wrong_operand_and_no_counter_moves(
    opened: Box, card: Card, gemm_recipe: Make, tensors: Make
) -> None:
    recipe: Recipe = gemm_recipe(64)
    buffers = tensors(card, recipe)
    stream = card.create_stream()

    def product() -> bytes:
        result = np.empty((64, 64), np.float32)
        stream.launch(recipe, buffers)
        card.copy_from_device(buffers["C"], result, stream)
        stream.synchronize()
        return result.tobytes()

    right = product()
    operand = np.empty((64, 64), np.uint16)
    card.copy_from_device(buffers["A"], operand)
    record = inject(opened, 0, find_fault("hbm-silent"), address=buffers["A"].address + 8, seed=3)
    assert product() != right
    wrong = np.empty_like(operand)
    card.copy_from_device(buffers["A"], wrong)
    changed = np.flatnonzero(wrong.view(np.uint64) != operand.view(np.uint64))
    assert changed.tolist() == [1]
    assert bin(int(wrong.view(np.uint64).flat[1]) ^ int(operand.view(np.uint64).flat[1])).count("1") == 1
    assert opened.card(0).ecc_counters() == (0, 0)
    assert record.seed == 3
    heal(opened, 0)
    assert product() == right


def test_a_stuck_row_ignores_what_was_written(opened: Box, card: Card) -> None:
    inject(opened, 0, find_fault("hbm-stuck"), 5)
    buffer = card.malloc(MIB)
    addresses = AddressMap(card.spec.hbm)
    wrong = 0
    for pattern in (Pattern(PatternKind.CONSTANT), Pattern(PatternKind.CONSTANT, 2**64 - 1)):
        card.fill(buffer, pattern)
        found = card.check(buffer, pattern, most=1000).result().mismatches
        assert {addresses.row_of(each.position) for each in found.first} <= {first_row(card)}
        assert found.count in (0, 128)
        wrong += sum(bin(each.expected ^ each.actual).count("1") for each in found.first)
    assert wrong == 5 * 128


def test_an_alias_is_found_by_who_writes_all_before_reading(opened: Box, card: Card) -> None:
    inject(opened, 0, find_fault("hbm-alias"), 30)
    buffer = card.malloc(4 << 30, is_sparse=True)
    addresses = AddressMap(card.spec.hbm)
    second = addresses.base + ((buffer.address - addresses.base) ^ 1 << 30)
    partner, _ = addresses.pieces_of(addresses.row_of(second))[0]
    card.fill(buffer, OWN)
    found = card.check(buffer.part(0, 64 * MIB), OWN).result().mismatches
    other = card.check(buffer.part((1 << 30) - 64 * MIB, 192 * MIB), OWN).result().mismatches
    assert found.count + other.count == 128
    first = (found + other).first[0]
    assert {first.position, first.actual} == {buffer.address, partner}


@pytest.mark.parametrize("name", ["sram-sbe", "sram-dbe"])
def test_sram_errors_are_met_by_copies_of_the_scratchpad(opened: Box, card: Card, name: str) -> None:
    buffer = card.malloc(4096, MemorySpace.SRAM)
    inject(opened, 0, find_fault(name), address=buffer.address + 8)
    card.copy_to_device(buffer, np.ones(4096, np.uint8))
    out = np.zeros(4096, np.uint8)
    if name == "sram-dbe":
        with pytest.raises(EccError, match="uncorrectable ECC error in the SRAM"):
            card.copy_from_device(buffer, out)
    else:
        card.copy_from_device(buffer, out)
        assert out.all()
    hlml.init()
    snapshot = hlml.devices()[0].snapshot()
    hlml.shutdown()
    counted = (snapshot.ecc_sram.corrected_volatile, snapshot.ecc_sram.uncorrected_volatile)
    assert counted == ((1, 0) if name == "sram-sbe" else (0, 1))


def test_once_heals_itself_at_the_first_hit(opened: Box, card: Card) -> None:
    inject(opened, 0, find_fault("hbm-sbe"), is_once=True)
    buffer = card.malloc(64)
    for _ in range(3):
        card.copy_from_device(buffer, np.empty(64, np.uint8))
    assert opened.card(0).ecc_counters() == (1, 0)
    assert opened.card(0).faults() == ()


def test_places_are_chosen_by_the_seed_and_checked(opened: Box) -> None:
    dbe = find_fault("hbm-dbe")
    base = 0x1001000000000000 + (768 << 20)
    assert inject(opened, 1, dbe).address == inject(opened, 1, dbe, seed=1).address == base
    chosen = inject(opened, 1, dbe, seed=5).address
    assert chosen == inject(opened, 2, dbe, seed=5).address
    assert base < chosen < 0x1001001800000000
    with pytest.raises(BoxError, match="0x1001001800000000 is no such memory of card 1; 0x1001000030000000 to"):
        inject(opened, 1, dbe, address=0x1001001800000000)
    with pytest.raises(BoxError, match="choose another bit"):
        inject(opened, 1, find_fault("hbm-alias"), 36, address=base + (40 << 30))
    with pytest.raises(BoxError, match="no other row of the user's HBM"):
        inject(opened, 1, find_fault("hbm-alias"), 30, address=base + (512 << 20))


def test_cells_of_a_cache_are_met_on_the_way_to_the_hbm(tmp_path: Any) -> None:
    """Gaudi 3: every address that maps to the broken place of the cache passes it."""
    create_box(tmp_path / "hls3", load_box_spec("hls3"), "hls3")
    try:
        with Box.open(tmp_path / "hls3") as opened, Card.acquire(0, opened) as card:
            sram = card.spec.sram
            record = inject(opened, 0, find_fault("sram-sbe"), address=sram.base_address + 4096)
            buffer = card.malloc(2 * sram.size_bytes, is_sparse=True)
            offset = card.spec.hbm.base_address + (record.address - sram.base_address)
            first = offset + -(-(buffer.address - offset) // sram.size_bytes) * sram.size_bytes
            for place in (first, first + sram.size_bytes):
                card.check(buffer.part(place - buffer.address, 8), OWN)
            card.check(buffer.part(first - buffer.address + 8, 64), OWN)
            hit = opened.card(0).faults()[0].hits
        assert hit == 2
    finally:
        retire_box(tmp_path / "hls3")
