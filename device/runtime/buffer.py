"""A piece of device memory that somebody allocated."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from device.errors import LaunchError

__all__ = ["DeviceBuffer", "MemorySpace"]


class MemorySpace(enum.StrEnum):
    """Which memory of the card. A card whose SRAM is a cache has no addresses for it."""

    HBM = "hbm"
    SRAM = "sram"


@dataclass(frozen=True, slots=True)
class DeviceBuffer:
    """A name for a range of addresses; Card.free ends it, not its own end."""

    address: int
    size_bytes: int

    def part(self, offset: int, size_bytes: int) -> DeviceBuffer:
        """A range within it. LaunchError if it reaches beyond."""
        if offset < 0 or size_bytes < 1 or offset + size_bytes > self.size_bytes:
            raise LaunchError(f"{size_bytes} bytes at {offset} are no part of a buffer of {self.size_bytes} bytes")
        return DeviceBuffer(self.address + offset, size_bytes)
