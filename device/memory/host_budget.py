"""Whether the host can afford more device memory. The rule is pure; read_host_limits is the one place that looks.

Device memory is taken in units that the kernel fills on first touch. What was promised and is not touched yet counts as
used here: otherwise ten allocations would all be granted and the last one to be touched would meet the OOM killer.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path

__all__ = ["HostLimits", "Room", "host_room", "read_host_limits"]

# Left to the rest of the process and of the machine.
RESERVE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class HostLimits:
    """Free bytes under each limit at one moment; None where there is no limit or no way to know it."""

    cgroup_bytes: int | None = None
    address_space_bytes: int | None = None
    available_bytes: int | None = None
    budget_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """How much more may be promised, and what stands in the way of more."""

    bytes: int
    limit: str


def host_room(limits: HostLimits, promised_bytes: int, touched_bytes: int) -> Room | None:
    """None if nothing limits. `promised_bytes` are the units taken so far, `touched_bytes` those that have contents.

    The cgroup and MemAvailable do not know of promises, and keep a reserve; the address space and the budget count all
    that was taken.
    """
    untouched = max(promised_bytes - touched_bytes, 0)
    rooms: list[Room] = []
    if limits.cgroup_bytes is not None:
        rooms.append(Room(limits.cgroup_bytes - untouched - RESERVE_BYTES, "the memory limit of the cgroup"))
    if limits.available_bytes is not None:
        rooms.append(Room(limits.available_bytes - untouched - RESERVE_BYTES, "the available memory of the host"))
    if limits.address_space_bytes is not None:
        rooms.append(Room(limits.address_space_bytes - RESERVE_BYTES, "the address space limit (ulimit -v)"))
    if limits.budget_bytes is not None:
        rooms.append(Room(limits.budget_bytes - promised_bytes, "the memory budget (GAUDI_MEMORY_BUDGET)"))
    tightest = min(rooms, key=lambda room: room.bytes, default=None)
    return None if tightest is None else Room(max(tightest.bytes, 0), tightest.limit)


def read_host_limits(budget_bytes: int | None = None, root: Path = Path("/")) -> HostLimits:
    """As of now. `root` is where proc and sys are mounted; a test brings its own. Some ten microseconds a limit."""
    return HostLimits(
        cgroup_bytes=_cgroup_bytes(root),
        address_space_bytes=_address_space_bytes(root),
        available_bytes=_available_bytes(root),
        budget_bytes=budget_bytes,
    )


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None


def _number(text: str | None) -> int | None:
    """None for "max", as cgroup files have it."""
    stripped = (text or "").strip()
    return int(stripped) if stripped.isdigit() else None


def _available_bytes(root: Path) -> int | None:
    for line in (_read(root / "proc/meminfo") or "").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _address_space_bytes(root: Path) -> int | None:
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    pages = (_read(root / "proc/self/statm") or "").split()
    if limit == resource.RLIM_INFINITY or not pages:
        return None
    return limit - int(pages[0]) * resource.getpagesize()


def _cgroup_bytes(root: Path) -> int | None:
    """The tightest of this cgroup (version 2) and those above it, as far as the mount shows them."""
    lines = (_read(root / "proc/self/cgroup") or "").splitlines()
    own = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), None)
    if own is None:
        return None
    top = root / "sys/fs/cgroup"
    folder = top / own
    rooms = [_cgroup_room(parent) for parent in (folder, *folder.parents) if parent == top or top in parent.parents]
    return min((room for room in rooms if room is not None), default=None)


def _cgroup_room(folder: Path) -> int | None:
    limit, current = _number(_read(folder / "memory.max")), _number(_read(folder / "memory.current"))
    if limit is None or current is None:
        return None
    return limit - current + _reclaimable_bytes(folder)


def _reclaimable_bytes(folder: Path) -> int:
    """Page cache that nobody used lately: memory.current counts it, the kernel drops it before it refuses."""
    for line in (_read(folder / "memory.stat") or "").splitlines():
        if line.startswith("inactive_file "):
            return int(line.split()[1])
    return 0
