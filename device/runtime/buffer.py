"""A piece of device memory that somebody allocated."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DeviceBuffer"]


@dataclass(frozen=True, slots=True)
class DeviceBuffer:
    """A name for a range of addresses; Card.free ends it, not its own end."""

    address: int
    size_bytes: int
