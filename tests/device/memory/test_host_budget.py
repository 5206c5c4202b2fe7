"""The budget rule, and the reader of the limits on a made-up /proc and /sys."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.memory import HostLimits, Room, host_room, read_host_limits
from device.memory.host_budget import RESERVE_BYTES

MIB = 1 << 20


def test_without_limits_there_is_no_answer() -> None:
    assert host_room(HostLimits(), 0, 0) is None


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (HostLimits(cgroup_bytes=500 * MIB, available_bytes=900 * MIB), "cgroup"),
        (HostLimits(cgroup_bytes=900 * MIB, available_bytes=500 * MIB), "available memory"),
        (HostLimits(address_space_bytes=500 * MIB, available_bytes=900 * MIB), "address space"),
    ],
)
def test_the_tightest_limit_decides_and_is_named(limits: HostLimits, word: str) -> None:
    room = host_room(limits, 0, 0)
    assert room is not None
    assert room.bytes == 500 * MIB - RESERVE_BYTES
    assert word in room.limit


def test_promised_but_untouched_memory_counts_as_used() -> None:
    room = host_room(HostLimits(available_bytes=1000 * MIB), promised_bytes=600 * MIB, touched_bytes=100 * MIB)
    assert room is not None
    assert room.bytes == 1000 * MIB - 500 * MIB - RESERVE_BYTES


def test_the_budget_counts_all_that_was_taken() -> None:
    room = host_room(HostLimits(budget_bytes=700 * MIB), promised_bytes=600 * MIB, touched_bytes=600 * MIB)
    assert room == Room(100 * MIB, "the memory budget (GAUDI_MEMORY_BUDGET)")


def test_room_is_never_negative() -> None:
    room = host_room(HostLimits(available_bytes=1), promised_bytes=5 * MIB, touched_bytes=0)
    assert room is not None
    assert room.bytes == 0


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host with 8 GiB available and a process in the cgroup /jobs/one."""
    _write(tmp_path / "proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable:    8388608 kB\n")
    _write(tmp_path / "proc/self/cgroup", "0::/jobs/one\n")
    _write(tmp_path / "sys/fs/cgroup/jobs/one/memory.max", "max\n")
    _write(tmp_path / "sys/fs/cgroup/jobs/one/memory.current", "1000\n")
    return tmp_path


def test_available_memory_is_read(root: Path) -> None:
    limits = read_host_limits(root=root)
    assert limits.available_bytes == 8 << 30
    assert limits.cgroup_bytes is None


def test_a_parent_group_limits_too_and_its_page_cache_is_no_loss(root: Path) -> None:
    jobs = root / "sys/fs/cgroup/jobs"
    _write(jobs / "memory.max", f"{1000 * MIB}\n")
    _write(jobs / "memory.current", f"{700 * MIB}\n")
    _write(jobs / "memory.stat", f"anon 5\ninactive_file {200 * MIB}\n")
    assert read_host_limits(root=root).cgroup_bytes == 500 * MIB


def test_a_host_without_proc_limits_nothing(tmp_path: Path) -> None:
    assert read_host_limits(root=tmp_path) == HostLimits()
