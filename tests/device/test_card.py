"""The typed face of card.h: readings, publishing, errors."""

from __future__ import annotations

from typing import Any

import pytest

from device.box_control import retire_box
from device.card import Box, CardStatus, FaultRecord
from device.errors import BoxError, CardBusyError, CardLostError


@pytest.fixture
def opened(box: Any) -> Any:
    with Box.open(box.path) as opened:
        yield opened


def test_a_box_knows_its_cards(box: Any, opened: Box) -> None:
    assert opened.path == str(box.path)
    assert [card.index for card in opened.cards] == list(range(8))
    assert len({card.identity.serial for card in opened.cards}) == 8
    assert {card.identity.family for card in opened.cards} == {"gaudi2"}


def test_the_environment_names_the_box(box: Any) -> None:
    with Box.open() as opened:
        assert opened.path == str(box.path)


def test_a_missing_box_says_what_to_do(tmp_path: Any) -> None:
    with pytest.raises(BoxError, match="gaudi-box up"):
        Box.open(tmp_path / "nowhere")


def test_a_card_number_out_of_range_is_refused(opened: Box) -> None:
    with pytest.raises(BoxError, match=r"no card 8.*8 cards"):
        opened.card(8)


def test_a_second_holder_is_told_who_holds_the_card(box: Any, opened: Box) -> None:
    opened.card(1).acquire()
    with Box.open(box.path) as other, pytest.raises(CardBusyError) as caught:
        other.card(1).acquire()
    assert caught.value.pid > 0
    assert caught.value.comm
    opened.card(1).release()
    with Box.open(box.path) as other:
        other.card(1).acquire()


def test_published_activity_and_memory_can_be_read(opened: Box) -> None:
    card = opened.card(0)
    card.acquire()
    card.publish_activity((0.5, 0, 0, 0.25, 0, 0), 3.0)
    card.publish_memory(5 << 20)
    reading = card.read()
    assert reading.activity.mme == 0.5
    assert reading.activity.hbm == 0.25
    assert reading.dilation == 3.0
    assert reading.memory_used_bytes == card.identity.memory_reserved_bytes + (5 << 20)
    card.release()
    assert card.read().activity.mme == 0.0


def test_a_reset_shows_in_the_pulse(opened: Box) -> None:
    card = opened.card(0)
    before = card.pulse()
    card.reset(10_000_000_000)
    after = card.pulse()
    assert after.reset_count == before.reset_count + 1
    assert after.status == CardStatus.IN_RESET


def test_faults_come_back_as_they_were_added(opened: Box) -> None:
    card = opened.card(2)
    card.add_fault(FaultRecord(kind=7, flags=1, degree=0.5, seed=2**63, address=9, parameters=(1, 2)))
    (found,) = card.faults()
    assert (found.kind, found.flags, found.degree, found.seed, found.address) == (7, 1, 0.5, 2**63, 9)
    assert found.parameters == (1, 2)
    card.remove_faults(7)
    assert card.faults() == ()


def test_a_limit_out_of_range_is_refused_with_the_range(opened: Box) -> None:
    with pytest.raises(BoxError, match="lies between"):
        opened.card(0).set_limit(1)


def test_the_clock_of_a_box_can_be_frozen_and_stepped(opened: Box) -> None:
    opened.set_clock(rate=0.0)
    now_ns = opened.now_ns()
    assert opened.clock_rate == 0.0
    opened.set_clock(step_ns=5_000)
    assert opened.now_ns() == now_ns + 5_000


def test_a_box_that_was_taken_down_is_lost(box: Any, opened: Box) -> None:
    retire_box(box.path)
    with pytest.raises(CardLostError, match="taken down"):
        opened.card(0).read()
    with pytest.raises(CardLostError, match="taken down"):
        opened.card(0).publish_memory(0)


def test_a_closed_box_does_not_crash(box: Any) -> None:
    opened = Box.open(box.path)
    card = opened.card(0)
    opened.close()
    opened.close()
    with pytest.raises(TypeError):
        card.pulse()
