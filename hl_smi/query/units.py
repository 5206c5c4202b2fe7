"""From HLML's units to the whole numbers that hl-smi shows; the one place where they are rounded."""

from __future__ import annotations

__all__ = ["celsius", "link_speed", "memory_mib", "memory_percent", "watts"]

_MIB = 1024 * 1024
_GIGATRANSFERS = {1: "2.5GT/s", 2: "5GT/s", 3: "8GT/s", 4: "16GT/s", 5: "32GT/s", 6: "64GT/s"}


def watts(power_mw: int) -> int:
    """Nearest watt, halves up: the real tool shows 26.5 W as 27 W."""
    return (power_mw + 500) // 1000


def celsius(temp_c: float) -> int:
    """Whole degrees, cut as the driver's integer division cuts."""
    return int(temp_c)


def memory_mib(total_bytes: int, used_bytes: int) -> tuple[int, int, int]:
    """Total, used and free in MiB; free is the difference, so that the sum holds for every reader."""
    total_mib = total_bytes // _MIB
    used_mib = used_bytes // _MIB
    return total_mib, used_mib, total_mib - used_mib


def memory_percent(used_mib: int, total_mib: int) -> int:
    """Floor: the real tool shows 94963 of 98304 MiB as 96 %. A card without memory uses none of it."""
    return used_mib * 100 // total_mib if total_mib else 0


def link_speed(generation: int) -> str | None:
    """PCIe generation -> transfers a second as the report writes it."""
    return _GIGATRANSFERS.get(generation)
