"""A hard reset: the status it passes through, what it ends, what it begins anew, and who may."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from private_box import PrivateBox

from device._device import ffi, lib
from device.card import Box, CardState, CardStatus
from device.errors import BoxError, DeviceResetError
from device.faults import find_fault, inject
from device.kernel_log import read_log

SECOND = 1_000_000_000
NOBODY = 65534


@pytest.fixture
def opened(box: PrivateBox) -> Iterator[Box]:
    with Box.open(box.path) as opened:
        opened.set_clock(rate=0.0)
        yield opened


def statuses(opened: Box, card: CardState, times: list[int]) -> list[int]:
    found = []
    for step in times:
        opened.set_clock(step_ns=step)
        found.append(card.read().status)
    return found


def rows_of(card: CardState) -> object:
    rows = ffi.new("gaudi_rows *")
    assert lib.gaudi_card_read_rows(card.c_object, rows) == 0
    return rows


def test_status_passes_through_in_reset_in_box_time(opened: Box) -> None:
    card = opened.card(3)
    card.reset()
    found = statuses(opened, card, [SECOND, SECOND, SECOND + 1_000_000])
    assert found == [CardStatus.IN_RESET, CardStatus.IN_RESET, CardStatus.OPERATIONAL]
    assert card.read().reset_count == 1


def test_the_log_tells_the_reset_and_its_end(opened: Box) -> None:
    card = opened.card(3)
    card.reset()
    opened.set_clock(step_ns=10 * SECOND)
    pending = [line.text for line in read_log(opened) if line.card == 3][-2:]
    assert pending == ["Going to reset device", "Successfully finished resetting the 0000:43:00.0 device"]
    card.set_limit(400_000)  # a publish folds the end of the reset away; it is written then, and once
    assert [line.text for line in read_log(opened) if line.card == 3][-2:] == pending
    begin, end = (line.box_ns for line in read_log(opened) if line.card == 3 and "reset" in line.text)
    assert end - begin == 3 * SECOND


def test_volatile_counters_clear_and_aggregates_stay(opened: Box) -> None:
    card = opened.card(0)
    card.count_ecc(hbm_corrected=5, hbm_uncorrected=2)
    card.reset()
    rows = rows_of(card)
    assert list(rows.hbm_corrected) == [0, 5]  # type: ignore[attr-defined]
    assert list(rows.hbm_uncorrected) == [0, 2]  # type: ignore[attr-defined]


def test_pending_rows_are_replaced(opened: Box) -> None:
    card = opened.card(0)
    delta = ffi.new("gaudi_rows *")
    delta.row_count = 1
    delta.row[0] = {"hbm": 2, "row": 77, "is_pending": 1}
    assert lib.gaudi_card_count_ecc(card.c_object, delta, ffi.NULL) == 0
    assert rows_of(card).row[0].is_pending == 1  # type: ignore[attr-defined]
    card.reset()
    rows = rows_of(card)
    assert rows.row_count == 1  # type: ignore[attr-defined]
    assert (rows.row[0].row, rows.row[0].is_pending) == (77, 0)  # type: ignore[attr-defined]


def test_the_holder_has_lost_its_card_until_it_acquires_it_again(box: PrivateBox, opened: Box) -> None:
    card = opened.card(1)
    card.acquire()
    card.publish_memory(1 << 30)
    with Box.open(box.path) as other:
        other.card(1).reset()
    assert card.read().memory_used_bytes == 768 << 20
    with pytest.raises(DeviceResetError, match="acquire it again"):
        card.publish_memory(2 << 30)
    with pytest.raises(DeviceResetError):
        card.publish_activity((1.0, 0, 0, 0, 0, 0), 1.0)
    card.release()
    opened.set_clock(step_ns=5 * SECOND)
    card.acquire()
    card.publish_memory(1 << 30)
    assert card.read().memory_used_bytes == (1 << 30) + (768 << 20)


def test_a_holder_that_resets_its_own_card_begins_anew(opened: Box) -> None:
    card = opened.card(1)
    card.acquire()
    card.publish_memory(1 << 30)
    card.reset()
    assert card.read().memory_used_bytes == 768 << 20
    card.publish_memory(2 << 30)
    assert card.read().memory_used_bytes == (2 << 30) + (768 << 20)


def test_nothing_runs_while_a_card_is_in_reset(opened: Box) -> None:
    card = opened.card(1)
    card.reset()
    card.publish_activity((1.0, 0, 0, 0, 0, 0), 1.0)
    assert card.read().activity.mme == 0.0


def test_a_reset_ends_breakdowns(opened: Box) -> None:
    card = opened.card(2)
    inject(opened, 2, find_fault("fatal-event"))
    assert card.read().status == CardStatus.NEEDS_RESET
    card.reset()
    opened.set_clock(step_ns=5 * SECOND)
    assert card.read().status == CardStatus.OPERATIONAL
    assert card.faults() == ()


def test_a_lost_card_is_not_reached(opened: Box) -> None:
    card = opened.card(2)
    card.set_lost(True)
    with pytest.raises(BoxError, match="fell off the bus"):
        card.reset()
    assert card.read().is_lost
    assert card.read().reset_count == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="changes users")
def test_the_user_of_the_holder_may_and_others_are_told_who_holds_it(box: PrivateBox) -> None:
    for parent in [box.path, *box.path.parents]:
        if str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    for file in box.path.iterdir():
        os.chown(file, 0, NOBODY)
        file.chmod(0o664)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        text = "nothing"
        try:
            opened = Box.open(box.path)
            opened.card(0).acquire()
            opened.card(0).reset(0)
            text = "allowed"
            opened.card(1).reset(0)
        except BoxError as error:
            text += f"; {error}"
        finally:
            os.write(write, text.encode())
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 1000).decode().startswith("allowed; only the owner of the box")
    with Box.open(box.path) as opened:
        opened.card(0).acquire()
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            try:
                Box.open(box.path).card(0).reset(0)
                text = "allowed"
            except BoxError as error:
                text = str(error)
            finally:
                os.write(write, text.encode())
                os._exit(0)
        os.waitpid(child, 0)
    words = os.read(read, 1000).decode()
    assert f"(pid {os.getpid()}) of uid 0; only that user and root may reset it" in words
