"""Events that the published future brings by itself, as a client of libhlml sees them: who is told what, and when."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from private_box import PrivateBox

import hlml
from device.box_control import create_box
from device.box_spec import load_box_spec
from device.card import Box

SUCCESS, TIMEOUT = 0, 10
ECC_DERR, CRITICAL, CLOCK, ECC_SERR = 1, 2, 4, 16
ALL = 0x3F
SECOND = 1_000_000_000
FULL = (1.0, 0.0, 0.0, 0.125, 0.0, 0.0)
NONE = (0.0,) * 6


class EventSet:
    """One event set of a library that is initialised."""

    def __init__(self, library: ctypes.CDLL, cards: tuple[int, ...] = (0,), types: int = ALL) -> None:
        self._library = library
        self._set = ctypes.c_void_p()
        assert library.hlml_event_set_create(ctypes.byref(self._set)) == SUCCESS
        for card in cards:
            self.register(card, types)

    def register(self, card: int, types: int) -> None:
        handle = ctypes.c_void_p()
        assert self._library.hlml_device_get_handle_by_index(card, ctypes.byref(handle)) == SUCCESS
        assert self._library.hlml_device_register_events(handle, ctypes.c_ulonglong(types), self._set) == SUCCESS

    def wait(self, timeout_ms: int) -> int:
        """The kind, or 0 after the timeout."""
        data = (ctypes.c_uint64 * 2)()
        code = self._library.hlml_event_set_wait(self._set, data, timeout_ms)
        assert code in (SUCCESS, TIMEOUT)
        assert (code == TIMEOUT) == (data[1] == 0)
        return int(data[1])

    def drain(self, quiet_ms: int = 0) -> list[int]:
        """All that comes until nothing came for a while."""
        kinds = []
        while kind := self.wait(quiet_ms):
            kinds.append(kind)
        return kinds


@pytest.fixture
def library(box: PrivateBox) -> Iterator[ctypes.CDLL]:
    loaded = ctypes.CDLL(str(hlml.libdir() / "libhlml.so"))
    assert loaded.hlml_init() == SUCCESS
    yield loaded
    loaded.hlml_shutdown()


def status_of(card: int) -> int:
    with Box.open(for_writing=False) as box:
        return box.card(card).read().status


def test_idle_card_says_nothing(library: ctypes.CDLL) -> None:
    assert EventSet(library, tuple(range(8))).wait(50) == 0


def test_thermal_crossing_reaches_a_waiter_although_nobody_runs(library: ctypes.CDLL) -> None:
    events = EventSet(library)
    with Box.open() as box:
        box.set_clock(rate=60)
        box.card(0).set_conditions(ambient_c=80.0, airflow=0.05)
    kinds = []
    while CRITICAL not in kinds:
        kinds.append(events.wait(10_000))
    assert kinds[0] == CLOCK  # the slowdown comes before the shutdown
    assert set(kinds) == {CLOCK, CRITICAL}
    assert status_of(0) == 2


def test_throttled_load_and_its_end_change_the_clock(library: ctypes.CDLL) -> None:
    events, other = EventSet(library), EventSet(library, (1,))
    with Box.open() as box:
        box.card(0).publish_activity(FULL, 1.0)
        assert events.wait(5000) == CLOCK
        # Nobody renews the lease: the clock goes up again by itself.
        assert events.wait(5000) == CLOCK
        assert box.card(0).read().activity.mme == 0.0
    assert other.wait(0) == 0


def test_event_comes_at_its_moment_whatever_the_rate(library: ctypes.CDLL) -> None:
    events = EventSet(library)
    with Box.open() as box:
        box.set_clock(rate=1e-6)
        box.card(0).set_conditions(clock_ceiling=0.5)  # the next look of the controller is up to a day away
        assert events.wait(100) == 0
        box.set_clock(rate=3600.0)
        assert events.wait(1000) == CLOCK


def test_frozen_box_brings_nothing_and_a_step_brings_all(library: ctypes.CDLL) -> None:
    events = EventSet(library)
    with Box.open() as box:
        box.set_clock(rate=0.0)
        box.card(0).set_conditions(clock_ceiling=0.5)
        assert events.wait(50) == 0
        box.set_clock(step_ns=60 * SECOND)
        assert events.drain() == [CLOCK]


def test_every_set_and_process_sees_each_once_also_across_publishes(box: PrivateBox, library: ctypes.CDLL) -> None:
    waiting, looking = EventSet(library), EventSet(library)
    script = Path(__file__).with_name("wait_for_events.py")
    command = [sys.executable, script, str(hlml.libdir() / "libhlml.so"), "0"]
    process = subprocess.Popen(command, env=box.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "ready\n"
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.extend(waiting.drain(2000)))
    thread.start()
    with Box.open() as opened:
        card = opened.card(0)
        opened.set_clock(rate=30)
        for step in range(60):
            card.publish_activity(FULL if step % 20 < 10 else NONE, 1.0)
            card.publish_memory(step << 20)
            time.sleep(0.005)
        opened.set_clock(rate=0.0, step_ns=600 * SECOND)
    thread.join()
    process.stdin.close()
    theirs = [int(kind) for kind in process.stdout.read().split()]
    process.stdout.close()
    assert process.wait() == 0
    assert len(seen) >= 6
    assert seen == looking.drain() == theirs


def test_type_that_is_added_later_begins_later(library: ctypes.CDLL) -> None:
    events = EventSet(library, types=CRITICAL)
    with Box.open() as box:
        box.set_clock(rate=0.0)
        box.card(0).set_conditions(clock_ceiling=0.5)
        box.set_clock(step_ns=60 * SECOND)
        events.register(0, CLOCK)
        assert events.drain() == []
        box.card(0).set_conditions(clock_ceiling=1.0)
        box.set_clock(step_ns=60 * SECOND)
        assert events.drain() == [CLOCK] * 8  # up again by sixteenths


def test_set_goes_on_with_the_box_that_takes_the_place_of_its_own(box: PrivateBox, library: ctypes.CDLL) -> None:
    events = EventSet(library)
    with Box.open() as opened:
        opened.set_clock(rate=0.0, step_ns=10**6 * SECOND)  # far ahead of the next box
    create_box(box.path, load_box_spec("hls2"), "box")
    library.hlml_shutdown()
    assert library.hlml_init() == SUCCESS
    with Box.open() as opened:
        opened.set_clock(rate=0.0)
        opened.card(0).set_conditions(clock_ceiling=0.9375)
        opened.set_clock(step_ns=SECOND)
        opened.card(0).post_event(ECC_SERR, 1)
    assert events.drain() == [CLOCK, ECC_SERR]


def test_reset_of_a_held_card_is_a_critical_error(library: ctypes.CDLL) -> None:
    events = EventSet(library, (0, 1))
    with Box.open() as box:
        box.card(0).acquire()
        box.card(0).reset(20 * SECOND)
        assert events.drain() == [CRITICAL]
        assert status_of(0) == 1
        box.card(1).reset(20 * SECOND)  # of an idle one it is a command like others
        assert events.drain() == []
        box.set_clock(step_ns=21 * SECOND)
        assert (status_of(0), status_of(1)) == (0, 0)


def sleeps_of_this_thread() -> int:
    text = Path("/proc/thread-self/status").read_text(encoding="utf-8")
    return int(text.split("voluntary_ctxt_switches:")[1].split()[0])


@pytest.mark.parametrize("is_throttled", [False, True], ids=["idle", "throttled"])
def test_waiting_sleeps_at_most_twice_a_second(library: ctypes.CDLL, is_throttled: bool) -> None:
    events = EventSet(library, tuple(range(8)))
    with Box.open() as box:
        card = box.card(0)
        card.acquire()
        if is_throttled:
            card.set_conditions(airflow=0.8)
            card.publish_activity(FULL, 1.0)
            card.start_lease()  # renews five times a second, and each time the end of the lease moves on
            time.sleep(1.5)
            events.drain()
        before, start = sleeps_of_this_thread(), time.monotonic()
        kinds = events.drain(2500)
        seconds = time.monotonic() - start
        assert sleeps_of_this_thread() - before <= 2 * seconds + 1 + 2 * len(kinds)
        card.release()
