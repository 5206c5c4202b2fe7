"""Sparse allocations: a pattern where nobody needs bytes, and never another content than written bytes would have."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from device.errors import LaunchError, OutOfDeviceMemoryError
from device.memory import UNIT_BYTES, DeviceMemory, HostLimits, Pattern, PatternKind

BASE = 0x1001000030000000
UNITS = 4
SIZE = UNITS * UNIT_BYTES

# Borders of units, and places beside them; all are whole words.
places = st.sampled_from(
    [unit * UNIT_BYTES + offset for unit in range(UNITS) for offset in (0, 8, 4096, UNIT_BYTES - 8)]
)
sizes = st.sampled_from([8, 4096, UNIT_BYTES - 8, UNIT_BYTES, UNIT_BYTES + 8, 2 * UNIT_BYTES])
patterns = st.builds(Pattern, st.sampled_from(PatternKind), st.integers(0, 3), st.booleans())


class SparseAgainstBytes(RuleBasedStateMachine):
    """A sparse block beside an array that does everything with bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = DeviceMemory(BASE, 2 * SIZE, HostLimits, lambda used: None)
        self.address = self.memory.allocate(SIZE, is_sparse=True)
        self.bytes = np.zeros(SIZE, np.uint8)
        self.views: list[tuple[int, np.ndarray]] = []

    def teardown(self) -> None:
        self.views.clear()
        self.memory.close()

    @rule(place=places, size=sizes, pattern=patterns)
    def fill(self, place: int, size: int, pattern: Pattern) -> None:
        size = min(size, SIZE - place)
        self.memory.fill(self.address + place, size, pattern)
        pattern.fill(self.bytes[place : place + size], self.address + place)

    @rule(place=places, size=sizes, value=st.integers(0, 255))
    def write(self, place: int, size: int, value: int) -> None:
        size = min(size, SIZE - place)
        self.memory.write(self.address + place, np.full(size, value, np.uint8))
        self.bytes[place : place + size] = value

    @rule(source=places, destination=places, size=sizes)
    def copy(self, source: int, destination: int, size: int) -> None:
        size = min(size, SIZE - max(source, destination))
        if abs(source - destination) < size:
            with pytest.raises(LaunchError, match="overlap"):
                self.memory.copy(self.address + destination, self.address + source, size)
            return
        self.memory.copy(self.address + destination, self.address + source, size)
        self.bytes[destination : destination + size] = self.bytes[source : source + size]

    @rule(place=places, size=sizes)
    def keep_a_view(self, place: int, size: int) -> None:
        size = min(size, SIZE - place)
        self.views.append((place, self.memory.resolve(self.address + place, size)))

    @rule(place=places, size=sizes, pattern=patterns)
    def check(self, place: int, size: int, pattern: Pattern) -> None:
        size = min(size, SIZE - place)
        found = self.memory.check(self.address + place, size, pattern, most=3)
        assert found == pattern.check(self.bytes[place : place + size], self.address + place, most=3)

    @invariant()
    def everybody_reads_the_same(self) -> None:
        out = np.empty(SIZE, np.uint8)
        self.memory.read(self.address, out)
        assert (out == self.bytes).all()
        for place, view in self.views:
            assert (view == self.bytes[place : place + view.size]).all()


TestSparseAgainstBytes = SparseAgainstBytes.TestCase
TestSparseAgainstBytes.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)


@pytest.fixture
def memory() -> Iterator[DeviceMemory]:
    made = DeviceMemory(BASE, 96 << 30, lambda: HostLimits(budget_bytes=4 * UNIT_BYTES), lambda used: None)
    yield made
    made.close()


def test_a_whole_card_is_written_and_read_without_host_memory(memory: DeviceMemory) -> None:
    whole = memory.free_bytes
    address = memory.allocate(whole, is_sparse=True)
    assert memory.used_bytes == whole
    pattern = Pattern(PatternKind.ADDRESS, 7)
    memory.fill(address, whole, pattern)
    for place in (0, whole // 2, whole - (1 << 20)):
        assert memory.check(address + place, 1 << 20, pattern).count == 0
    assert memory.promised_bytes == 0


def test_only_what_is_no_pattern_takes_host_memory(memory: DeviceMemory) -> None:
    address = memory.allocate(64 * UNIT_BYTES, is_sparse=True)
    pattern = Pattern(PatternKind.RANDOM, 7)
    memory.fill(address, 64 * UNIT_BYTES, pattern)
    memory.write(address + 5 * UNIT_BYTES + 16, np.zeros(8, np.uint8))
    assert memory.promised_bytes == UNIT_BYTES
    assert [each.position for each in memory.check(address, 64 * UNIT_BYTES, pattern, most=4).first] == [
        address + 5 * UNIT_BYTES + 16
    ]
    memory.copy(address + 40 * UNIT_BYTES, address, 10 * UNIT_BYTES)
    assert memory.promised_bytes == 2 * UNIT_BYTES
    memory.fill(address, 64 * UNIT_BYTES, pattern)
    assert memory.promised_bytes == 0
    with pytest.raises(OutOfDeviceMemoryError, match="memory budget"):
        memory.resolve(address, 5 * UNIT_BYTES)
    memory.resolve(address, 4 * UNIT_BYTES)
    memory.free(address)
    assert memory.promised_bytes == 0


def test_sparse_blocks_have_units_of_their_own(memory: DeviceMemory) -> None:
    small = memory.allocate(100)
    sparse = memory.allocate(100, is_sparse=True)
    after = memory.allocate(100)
    assert (small, sparse) == (BASE, BASE + UNIT_BYTES)
    assert after == small + 128
    memory.free(small)
    memory.free(sparse)
    memory.free(after)
    assert memory.free_bytes == 96 << 30
