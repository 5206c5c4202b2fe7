"""The contents of a card's HBM: a memfd of the process that holds the card, of which only what is allocated is backed.

The place in the memfd is the address less the base. Freed units are punched out, so the memory goes back to the host at
once; a view that somebody kept stays mapped and reads zeros. Called by the runtime and, for views, by the engines.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from device.errors import LaunchError, OutOfDeviceMemoryError
from device.memory.address_space import AddressSpace, Block
from device.memory.host_budget import HostLimits, host_room

__all__ = ["UNIT_BYTES", "Bytes", "DeviceMemory"]

# What is taken from the host and given back to it at a time.
UNIT_BYTES = 2 << 20

Bytes = NDArray[np.uint8]


class DeviceMemory:
    """One card's memory. Any thread may call anything but `close`, which must not overlap with other calls.

    `publish` gets the bytes in use, in whole units, whenever they change; `limits` gives the host's limits of now.
    """

    def __init__(
        self, base: int, size_bytes: int, limits: Callable[[], HostLimits], publish: Callable[[int], None]
    ) -> None:
        self._space = AddressSpace(base, size_bytes)
        self._limits = limits
        self._publish = publish
        self._lock = threading.Lock()
        self._mappings: dict[int, Bytes] = {}
        self._users_of_unit: dict[int, int] = {}
        self._fd = os.memfd_create("gaudi-hbm", os.MFD_CLOEXEC)
        os.ftruncate(self._fd, size_bytes)
        self.generation = 0
        """Grows with every free; who keeps views compares it."""

    @property
    def used_bytes(self) -> int:
        return len(self._users_of_unit) * UNIT_BYTES

    @property
    def free_bytes(self) -> int:
        return self._space.free_bytes

    def allocate(self, size_bytes: int) -> int:
        """An address. OutOfDeviceMemoryError if the card or the host behind it has no room; contents are undefined."""
        with self._lock:
            block = self._space.allocate(size_bytes)
            if block is None:
                raise self._no_room(size_bytes)
            try:
                self._back(block)
            except BaseException:
                self._space.free(block.address)
                raise
            return block.address

    def free(self, address: int) -> None:
        """LaunchError for what is not the start of an allocation, which includes a second free."""
        with self._lock:
            block = self._space.free(address) if self._fd >= 0 else None
            if block is None:
                raise LaunchError(
                    f"free of 0x{address:x}, where no allocation begins; it was freed before, or never made"
                )
            del self._mappings[address]
            self.generation += 1
            released = self._drop_users(block)
            if released:
                self._punch(released[0], len(released))
                self._publish(self.used_bytes)

    def resolve(self, address: int, size_bytes: int) -> Bytes:
        """A view of the contents. LaunchError unless the whole range lies in one allocation."""
        with self._lock:
            block = self._space.find(address)
            if block is None:
                raise LaunchError(f"0x{address:x} is no allocated device memory")
            offset = address - block.address
            if offset + size_bytes > block.size_bytes:
                left = block.size_bytes - offset
                raise LaunchError(
                    f"{size_bytes} bytes at 0x{address:x} exceed the allocation, which has {left} from there"
                )
            return self._mappings[block.address][offset : offset + size_bytes]

    def close(self) -> None:
        """Give everything back. Views that somebody kept stay mapped."""
        if self._fd >= 0:
            self._mappings.clear()
            os.close(self._fd)
            self._fd = -1

    def _no_room(self, size_bytes: int) -> OutOfDeviceMemoryError:
        space = self._space
        return OutOfDeviceMemoryError(
            f"{size_bytes} bytes of device memory needed, {space.largest_free_bytes} available in one piece "
            f"({space.free_bytes} in all of {space.size_bytes}); free some buffers first"
        )

    def _units(self, block: Block) -> range:
        first = (block.address - self._space.base) // UNIT_BYTES
        last = (block.end - 1 - self._space.base) // UNIT_BYTES
        return range(first, last + 1)

    def _back(self, block: Block) -> None:
        new_units = [unit for unit in self._units(block) if unit not in self._users_of_unit]
        self._check_host(len(new_units) * UNIT_BYTES)
        self._mappings[block.address] = self._map(block)
        for unit in self._units(block):
            self._users_of_unit[unit] = self._users_of_unit.get(unit, 0) + 1
        if new_units:
            try:
                self._publish(self.used_bytes)
            except BaseException:
                self._drop_users(block)
                del self._mappings[block.address]
                raise

    def _check_host(self, needed_bytes: int) -> None:
        if needed_bytes == 0:
            return
        touched_bytes = os.fstat(self._fd).st_blocks * 512
        room = host_room(self._limits(), self.used_bytes, touched_bytes)
        if room is not None and needed_bytes > room.bytes:
            raise OutOfDeviceMemoryError(
                f"{needed_bytes} bytes of host memory needed behind the device memory, {room.bytes} available "
                f"because of {room.limit}"
            )

    def _map(self, block: Block) -> Bytes:
        """The pages around the block; blocks that share a page see the same bytes."""
        begin = block.address - self._space.base
        page_begin = begin - begin % mmap.PAGESIZE
        length = begin + block.reserved_bytes - page_begin
        try:
            mapping = mmap.mmap(self._fd, length, offset=page_begin)
        except OSError as error:
            raise OutOfDeviceMemoryError(
                f"{block.size_bytes} bytes of device memory needed, but the host refuses to map them: {error.strerror}"
            ) from error
        return np.frombuffer(mapping, np.uint8)[begin - page_begin : begin - page_begin + block.size_bytes]

    def _drop_users(self, block: Block) -> list[int]:
        """Units that nobody uses any more; only the first and the last one can be shared, so they follow each other."""
        released: list[int] = []
        for unit in self._units(block):
            self._users_of_unit[unit] -= 1
            if self._users_of_unit[unit] == 0:
                del self._users_of_unit[unit]
                released.append(unit)
        return released

    def _punch(self, first: int, count: int) -> None:
        begin = first * UNIT_BYTES
        length = min(count * UNIT_BYTES, self._space.size_bytes - begin)
        with mmap.mmap(self._fd, length, offset=begin) as window:
            window.madvise(mmap.MADV_REMOVE)
