"""The clock of a box: continuous and never backwards, for whoever looks while somebody changes it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from private_box import PrivateBox

from device.card import Box

READER = """
import sys
from device._device import ffi, lib
box = ffi.new("gaudi_box **")
assert lib.gaudi_box_open_path(box, sys.argv[1].encode(), 0, ffi.NULL) == 0
now, before, count, backwards = lib.gaudi_box_now, 0, 0, 0
print("ready", flush=True)
while lib.gaudi_box_alive(box[0]) == 0 and count < 20_000_000:
    time = now(box[0])
    backwards += time < before
    before = time
    count += 1
print(count, backwards)
"""
SECOND = 1_000_000_000


@pytest.fixture
def opened(box: PrivateBox) -> Iterator[Box]:
    with Box.open(box.path) as opened:
        yield opened


def test_no_reader_sees_time_fall_while_the_rate_changes(box: PrivateBox) -> None:
    from device.box_control import retire_box

    readers = [
        subprocess.Popen([sys.executable, "-c", READER, box.path], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    with Box.open(box.path) as opened:
        for reader in readers:
            assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
        for _ in range(100):
            for rate in (60.0, 0.0, 3600.0, 1.0):
                opened.set_clock(rate=rate)
    retire_box(box.path)
    for reader in readers:
        text, _ = reader.communicate(timeout=60)
        count, backwards = map(int, text.split())
        assert count > 1000
        assert backwards == 0


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, 60.0, 3600.0]), st.integers(0, 10**12)), max_size=8))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_steps_pass_at_once_and_nothing_else_jumps(opened: Box, changes: list[tuple[float, int]]) -> None:
    opened.set_clock(rate=0.0)
    total, begin_ns = 0, opened.now_ns()
    for rate, step_ns in changes:
        opened.set_clock(step_ns=step_ns)
        total += step_ns
        opened.set_clock(rate=rate)
        opened.set_clock(rate=0.0)
    passed = opened.now_ns() - begin_ns
    assert passed >= total
    # What passed beyond the steps passed while the clock ran, a few hundred microseconds of wall time each.
    assert passed - total < 3600 * SECOND * max(len(changes), 1)


def test_a_frozen_box_shows_the_same_to_everybody(opened: Box, box: PrivateBox) -> None:
    opened.set_clock(rate=0.0)
    with Box.open(box.path) as other:
        first = opened.card(3).read()
        assert all(other.card(3).read() == first for _ in range(100))
