"""The contents of a card's memory: a memfd of the process that holds the card, of which only what is needed is backed.

The place in the memfd is the address less the base. Freed units are punched out, so the memory goes back to the host at
once; a view that somebody kept stays mapped and reads zeros. Called by the runtime and, for views, by the engines. What
broken cells do to an access is the business of access.py: here every cell is sound.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Callable, Iterator

import numpy as np

from device.errors import LaunchError, OutOfDeviceMemoryError
from device.memory.address_space import ALIGNMENT, AddressSpace, Block
from device.memory.backing import UNIT_BYTES, Backing, Bytes, Generated, MappedBlock, Segment, SparseBlock
from device.memory.host_budget import HostLimits, host_room
from device.memory.pattern import Mismatches, Pattern

__all__ = ["UNIT_BYTES", "Bytes", "DeviceMemory"]


class DeviceMemory:
    """One memory of one card: its HBM or its SRAM. Any thread may call anything but `close`, which must not overlap.

    `publish` gets the bytes in use, in whole units, whenever they change; `limits` gives the host's limits of now.
    """

    def __init__(
        self, base: int, size_bytes: int, limits: Callable[[], HostLimits], publish: Callable[[int], None]
    ) -> None:
        self._space = AddressSpace(base, size_bytes)
        self._limits = limits
        self._publish = publish
        self._lock = threading.RLock()
        self._backings: dict[int, Backing] = {}
        self._users_of_unit: dict[int, int] = {}
        self._promised_units = 0
        self._fd = os.memfd_create("gaudi-hbm", os.MFD_CLOEXEC)
        os.ftruncate(self._fd, -(-size_bytes // UNIT_BYTES) * UNIT_BYTES)
        self.generation = 0
        """Grows with every free; who keeps views compares it."""

    @property
    def base(self) -> int:
        return self._space.base

    @property
    def end(self) -> int:
        return self._space.base + self._space.size_bytes

    @property
    def used_bytes(self) -> int:
        return len(self._users_of_unit) * UNIT_BYTES

    @property
    def free_bytes(self) -> int:
        return self._space.free_bytes

    @property
    def largest_free_bytes(self) -> int:
        return self._space.largest_free_bytes

    @property
    def promised_bytes(self) -> int:
        """Host memory that is or may be touched."""
        return self._promised_units * UNIT_BYTES

    def allocate(self, size_bytes: int, is_sparse: bool = False) -> int:
        """An address. OutOfDeviceMemoryError if the card or the host behind it has no room; contents are undefined.

        A sparse allocation consists of whole units and needs the host only for what cannot stay a pattern.
        """
        with self._lock:
            wanted = -(-size_bytes // UNIT_BYTES) * UNIT_BYTES if is_sparse else size_bytes
            block = self._space.allocate(wanted, UNIT_BYTES if is_sparse else ALIGNMENT)
            if block is None:
                raise self._no_room(wanted)
            try:
                self._back(block, is_sparse)
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
            backing = self._backings.pop(address)
            backing.release()
            self.generation += 1
            released = self._drop_users(block)
            if released:
                if isinstance(backing, MappedBlock):
                    self._promised_units -= len(released)
                    self._punch(released[0], len(released))
                self._publish(self.used_bytes)

    def resolve(self, address: int, size_bytes: int) -> Bytes:
        """A view of the contents. LaunchError unless the whole range lies in one allocation."""
        with self._lock:
            return self._backing(address, size_bytes).view(address, address + size_bytes)

    def is_allocated(self, address: int) -> bool:
        with self._lock:
            return self._space.find(address) is not None

    def read(self, address: int, out: Bytes, threads: int = 1) -> None:
        """The contents from `address` on into `out`, contiguous. LaunchError as for resolve."""
        for segment in self._segments(address, out.size):
            begin = segment.address - address
            segment.read(out[begin : begin + segment.size], threads)

    def write(self, address: int, data: Bytes, threads: int = 1) -> None:
        """`data` is contiguous. LaunchError as for resolve; OutOfDeviceMemoryError if a sparse block needs bytes."""
        with self._lock:
            backing = self._backing(address, data.size)
            if isinstance(backing, SparseBlock):
                backing.write(address, data, threads)
                return
        backing.write(address, data, threads)

    def fill(self, address: int, size_bytes: int, pattern: Pattern, threads: int = 1) -> None:
        """Every word gets what the pattern has at its own address."""
        self._generate(address, size_bytes, Generated(pattern), threads)

    def check(
        self, address: int, size_bytes: int, pattern: Pattern, most: int = 0, threads: int = 1, shift: int = 0
    ) -> Mismatches:
        """Compare with what `fill` would have written at address + shift, as after a copy from there; positions are
        addresses. LaunchError as for resolve."""
        found = Mismatches()
        for segment in self._segments(address, size_bytes):
            left = max(most - len(found.first), 0)
            if segment.data is not None:
                found += pattern.check(segment.data, segment.address, left, threads, shift)
            elif segment.generated is not None:
                contents = segment.generated
                found += pattern.check_generated(
                    contents.pattern, contents.shift, segment.address, segment.size, left, threads, shift
                )
        return found

    def copy(self, destination: int, source: int, size_bytes: int, threads: int = 1) -> None:
        """Within the memory, or between ranges of it. LaunchError as for resolve, and for ranges that overlap."""
        if abs(destination - source) < size_bytes:
            raise LaunchError(f"a copy of {size_bytes} bytes from 0x{source:x} to 0x{destination:x}, which overlap")
        for segment in list(self._segments(source, size_bytes)):
            target = destination + segment.address - source
            if segment.data is not None:
                self.write(target, segment.data, threads)
            elif segment.generated is not None:
                shift = segment.generated.shift + source - destination
                self._generate(target, segment.size, Generated(segment.generated.pattern, shift), threads)

    def close(self) -> None:
        """Give everything back. Views that somebody kept stay mapped."""
        if self._fd >= 0:
            self._backings.clear()
            os.close(self._fd)
            self._fd = -1

    # What a SparseBlock asks for; called under the lock.

    def map(self, begin: int, end: int) -> Bytes:
        """A shared view of a range of addresses."""
        start = begin - self._space.base
        page_start = start - start % mmap.PAGESIZE
        try:
            mapping = mmap.mmap(self._fd, end - self._space.base - page_start, offset=page_start)
        except OSError as error:
            raise OutOfDeviceMemoryError(
                f"{end - begin} bytes of device memory needed, but the host refuses to map them: {error.strerror}"
            ) from error
        return np.frombuffer(mapping, np.uint8)[start - page_start :]

    def take(self, units: int) -> None:
        """Promise host memory. OutOfDeviceMemoryError."""
        self._check_host(units * UNIT_BYTES)
        self._promised_units += units

    def give_back(self, begin: int, end: int) -> None:
        """Whole units that were taken before."""
        first, count = (begin - self._space.base) // UNIT_BYTES, (end - begin) // UNIT_BYTES
        self._promised_units -= count
        self._punch(first, count)

    def _segments(self, address: int, size_bytes: int) -> Iterator[Segment]:
        with self._lock:
            return iter(list(self._backing(address, size_bytes).segments(address, address + size_bytes)))

    def _generate(self, address: int, size_bytes: int, contents: Generated, threads: int) -> None:
        with self._lock:
            backing = self._backing(address, size_bytes)
            if isinstance(backing, SparseBlock):
                backing.generate(address, address + size_bytes, contents, threads)
                return
        backing.generate(address, address + size_bytes, contents, threads)

    def _backing(self, address: int, size_bytes: int) -> Backing:
        block = self._space.find(address)
        if block is None:
            raise LaunchError(f"0x{address:x} is no allocated device memory")
        offset = address - block.address
        if offset + size_bytes > block.size_bytes:
            left = block.size_bytes - offset
            raise LaunchError(f"{size_bytes} bytes at 0x{address:x} exceed the allocation, which has {left} from there")
        return self._backings[block.address]

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

    def _back(self, block: Block, is_sparse: bool) -> None:
        new_units = [unit for unit in self._units(block) if unit not in self._users_of_unit]
        if is_sparse:
            self._backings[block.address] = SparseBlock(block.address, block.end, self)
        else:
            self.take(len(new_units))
            try:
                mapping = self.map(block.address, block.end)[: block.size_bytes]
            except BaseException:
                self._promised_units -= len(new_units)
                raise
            self._backings[block.address] = MappedBlock(block.address, mapping)
        for unit in self._units(block):
            self._users_of_unit[unit] = self._users_of_unit.get(unit, 0) + 1
        if new_units:
            try:
                self._publish(self.used_bytes)
            except BaseException:
                self._drop_users(block)
                self._promised_units -= 0 if is_sparse else len(new_units)
                del self._backings[block.address]
                raise

    def _check_host(self, needed_bytes: int) -> None:
        if needed_bytes == 0:
            return
        touched_bytes = os.fstat(self._fd).st_blocks * 512
        room = host_room(self._limits(), self.promised_bytes, touched_bytes)
        if room is not None and needed_bytes > room.bytes:
            raise OutOfDeviceMemoryError(
                f"{needed_bytes} bytes of host memory needed behind the device memory, {room.bytes} available "
                f"because of {room.limit}"
            )

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
        with mmap.mmap(self._fd, count * UNIT_BYTES, offset=first * UNIT_BYTES) as window:
            window.madvise(mmap.MADV_REMOVE)
