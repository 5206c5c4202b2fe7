"""Contents, host memory behind them, and refusals."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.errors import LaunchError, OutOfDeviceMemoryError
from device.memory import UNIT_BYTES, DeviceMemory, HostLimits

BASE = 0x1001000030000000
SIZE = 64 << 20


class Host:
    """Limits that a test may change, and what was published."""

    def __init__(self) -> None:
        self.limits = HostLimits()
        self.published: list[int] = []

    def memory(self, size_bytes: int = SIZE) -> DeviceMemory:
        return DeviceMemory(BASE, size_bytes, lambda: self.limits, self.published.append)


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def memory(host: Host) -> Iterator[DeviceMemory]:
    made = host.memory()
    yield made
    made.close()


def _touched_bytes(memory: DeviceMemory) -> int:
    return os.fstat(memory._fd).st_blocks * 512


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 3 * UNIT_BYTES), min_size=1, max_size=12))
def test_buffers_keep_their_contents(sizes: list[int]) -> None:
    """Neighbours share pages and units; none disturbs the other, and frees in between change nothing."""
    host = Host()
    memory = host.memory()
    held = [(memory.allocate(size), size, fill % 251 + 1) for fill, size in enumerate(sizes)]
    for address, size, fill in held:
        view = memory.resolve(address, size)
        assert view.size == size
        view[:] = fill
    for address, _, _ in held[::3]:
        memory.free(address)
    kept = [each for index, each in enumerate(held) if index % 3]
    assert all((memory.resolve(address, size) == fill).all() for address, size, fill in kept)
    for address, _, _ in kept:
        memory.free(address)
    assert memory.used_bytes == 0
    assert _touched_bytes(memory) == 0
    assert host.published[-1] == 0
    memory.close()


def test_a_card_of_96_gib_costs_nothing_until_it_is_used(host: Host) -> None:
    memory = host.memory(96 << 30)
    address = memory.allocate(90 << 30)
    memory.resolve(address + (80 << 30), 4)[:] = 7
    assert _touched_bytes(memory) < 2 * UNIT_BYTES
    memory.free(address)
    memory.close()


def test_used_bytes_are_published_in_units_when_they_change(host: Host, memory: DeviceMemory) -> None:
    first = memory.allocate(100)
    second = memory.allocate(100)
    memory.free(first)
    memory.free(second)
    assert host.published == [UNIT_BYTES, 0]


def test_a_second_free_and_a_foreign_one_are_refused(memory: DeviceMemory) -> None:
    address = memory.allocate(256)
    with pytest.raises(LaunchError, match="no allocation begins"):
        memory.free(address + 128)
    memory.free(address)
    with pytest.raises(LaunchError, match="freed before"):
        memory.free(address)


def test_a_view_stays_within_its_allocation(memory: DeviceMemory) -> None:
    address = memory.allocate(1000)
    assert memory.resolve(address + 900, 100).size == 100
    with pytest.raises(LaunchError, match="which has 100 from there"):
        memory.resolve(address + 900, 101)
    with pytest.raises(LaunchError, match="no allocated device memory"):
        memory.resolve(address - 1, 1)


def test_a_full_card_names_both_figures(memory: DeviceMemory) -> None:
    memory.allocate(SIZE - 1024)
    with pytest.raises(OutOfDeviceMemoryError, match="4096 bytes of device memory needed, 1024 available"):
        memory.allocate(4096)


def test_a_poor_host_names_both_figures_and_the_limit(host: Host, memory: DeviceMemory) -> None:
    host.limits = HostLimits(budget_bytes=3 * UNIT_BYTES)
    memory.allocate(2 * UNIT_BYTES)
    with pytest.raises(
        OutOfDeviceMemoryError, match=r"4194304 bytes of host memory needed.* 2097152 available.*budget"
    ):
        memory.allocate(2 * UNIT_BYTES)
    assert memory.used_bytes == 2 * UNIT_BYTES
    memory.allocate(UNIT_BYTES)


def test_a_failed_publish_leaves_nothing_taken() -> None:
    def refuse(used_bytes: int) -> None:
        raise RuntimeError("no card")

    memory = DeviceMemory(BASE, SIZE, HostLimits, refuse)
    with pytest.raises(RuntimeError):
        memory.allocate(100)
    assert memory.used_bytes == 0
    assert memory.free_bytes == SIZE
    memory.close()


def test_a_kept_view_outlives_its_buffer(memory: DeviceMemory) -> None:
    address = memory.allocate(UNIT_BYTES)
    view = memory.resolve(address, UNIT_BYTES)
    view[:] = 5
    generation = memory.generation
    memory.free(address)
    assert not np.any(view)
    assert memory.generation == generation + 1
