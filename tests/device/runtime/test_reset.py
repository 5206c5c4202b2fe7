"""What whoever waits for a card is told when it is reset, hangs, or is taken out of service."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from device.box_control import retire_box
from device.card import Box
from device.errors import CardLostError, DeviceError, DeviceResetError, LaunchError
from device.faults import find_fault, heal, inject
from device.runtime import Card, ExecutionMode

Make = Callable[..., Any]
SECOND = 1_000_000_000


@pytest.fixture
def paced(box: Any) -> Iterator[tuple[Box, Card]]:
    """A paced card; a test stops the clock, and a launch in flight stays there."""
    with Box.open(box.path) as opened, Card.acquire(0, opened, mode=ExecutionMode.MODEL) as card:
        yield opened, card


def waiting(wait: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    """A thread inside `wait`, and what it was told."""
    told: list[BaseException] = []

    def run() -> None:
        try:
            wait()
        except DeviceError as error:
            told.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, told


@pytest.mark.parametrize("kind", ["launch", "stream", "event", "stream that waits for another's event"])
def test_every_waiter_is_told_of_a_reset(paced: Any, gemm_recipe: Make, tensors: Make, kind: str) -> None:
    opened, card = paced
    recipe = gemm_recipe(4096)
    stream, other, buffers = card.create_stream(), card.create_stream(), tensors(card, recipe)
    opened.set_clock(rate=0.0)
    launch = stream.launch(recipe, buffers)
    event = stream.record()
    other.wait_for(event)
    wait = {
        "launch": launch.result,
        "stream": stream.synchronize,
        "event": event.synchronize,
        "stream that waits for another's event": other.synchronize,
    }[kind]
    thread, told = waiting(wait)
    opened.card(0).reset()
    thread.join(10)
    assert [type(error) for error in told] == [DeviceResetError]


@pytest.mark.parametrize("way", ["lost", "down"])
def test_every_waiter_is_told_of_a_lost_card(box: Any, paced: Any, gemm_recipe: Make, tensors: Make, way: str) -> None:
    opened, card = paced
    recipe = gemm_recipe(4096)
    stream, buffers = card.create_stream(), tensors(card, recipe)
    opened.set_clock(rate=0.0)
    launch = stream.launch(recipe, buffers)
    waiters = [waiting(launch.result), waiting(stream.record().synchronize)]
    if way == "lost":
        inject(opened, 0, find_fault("lost"))
    else:
        retire_box(box.path)
    for thread, told in waiters:
        thread.join(10)
        assert [type(error) for error in told] == [CardLostError]


def test_a_hang_holds_launches_until_the_driver_gives_up(paced: Any, gemm_recipe: Make, tensors: Make) -> None:
    opened, card = paced
    recipe = gemm_recipe(64)
    buffers = tensors(card, recipe)
    opened.set_clock(rate=0.0)
    inject(opened, 0, find_fault("hang"))
    launch = card.create_stream().launch(recipe, buffers)
    opened.set_clock(step_ns=29 * SECOND)
    assert not launch.wait(0.3)
    opened.set_clock(step_ns=2 * SECOND)
    with pytest.raises(LaunchError, match="needs a reset"):
        launch.result()


def test_a_hang_that_is_healed_in_time_lets_launches_go_on(paced: Any, gemm_recipe: Make, tensors: Make) -> None:
    opened, card = paced
    recipe = gemm_recipe(64)
    buffers = tensors(card, recipe)
    opened.set_clock(rate=0.0)
    inject(opened, 0, find_fault("hang"))
    launch = card.create_stream().launch(recipe, buffers)
    assert not launch.wait(0.2)
    heal(opened, 0, find_fault("hang"))
    opened.set_clock(rate=1.0)
    assert launch.result().device_time_s > 0.0


@pytest.mark.parametrize(
    ("fault", "seconds", "words"), [("fatal-event", 0, "needs a reset"), ("heartbeat-loss", 6, "is disabled")]
)
def test_a_card_out_of_service_refuses_launches_and_holders(
    box: Any, gemm_recipe: Make, tensors: Make, fault: str, seconds: int, words: str
) -> None:
    with Box.open(box.path) as opened:
        recipe = gemm_recipe(64)
        with Card.acquire(0, opened) as card:
            buffers = tensors(card, recipe)
            inject(opened, 0, find_fault(fault))
            opened.set_clock(step_ns=seconds * SECOND)
            with pytest.raises(LaunchError, match=words):
                card.create_stream().launch(recipe, buffers).result()
        with pytest.raises(LaunchError, match=words):
            Card.acquire(0, opened)
        opened.card(0).reset()
        opened.set_clock(step_ns=4 * SECOND)
        with Card.acquire(0, opened) as card:
            card.create_stream().launch(recipe, tensors(card, recipe)).result()


def test_launches_are_counted(box: Any, gemm_recipe: Make, tensors: Make) -> None:
    with Box.open(box.path) as opened, Card.acquire(0, opened) as card:
        recipe = gemm_recipe(64)
        stream, buffers = card.create_stream(), tensors(card, recipe)
        for _ in range(7):
            stream.launch(recipe, buffers)
        stream.synchronize()
        deadline = time.monotonic() + 10
        while opened.card(0).read().launches < 7 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert opened.card(0).read().launches == 7
        stream.launch(recipe, buffers).result()
        card.close()
        assert opened.card(0).read().launches == 8
