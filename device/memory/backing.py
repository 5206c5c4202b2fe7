"""What is behind an allocation: bytes of the host, or units that are a pattern until somebody needs their bytes.

MappedBlock is an ordinary allocation. A SparseBlock may be larger than the host: each of its units is either generated
(a pattern, displaced by so many bytes) or bytes. Used by DeviceMemory only, which has checked the ranges.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from device._device import ffi, lib
from device.memory.pattern import WORD_BYTES, Pattern, PatternKind

__all__ = ["UNIT_BYTES", "Backing", "Bytes", "Generated", "HostPages", "MappedBlock", "Segment", "SparseBlock", "move"]

# What is taken from the host and given back to it at a time; aligned in the address space of the memory.
UNIT_BYTES = 2 << 20

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Generated:
    """The byte at an address is what `pattern` has at address + shift."""

    pattern: Pattern
    shift: int = 0

    def fill(self, out: Bytes, address: int, threads: int) -> None:
        """Any range, also one that is not of whole words."""
        begin = (address + self.shift) % 2**64
        before = begin % WORD_BYTES
        if before == 0 and out.size % WORD_BYTES == 0:
            self.pattern.fill(out, begin, threads)
            return
        words = np.empty(-(-(before + out.size) // WORD_BYTES) * WORD_BYTES, np.uint8)
        self.pattern.fill(words, begin - before, threads)
        out[:] = words[before : before + out.size]


# The kernel gives fresh pages as zeros; to the device they are undefined.
_FRESH = Generated(Pattern(PatternKind.CONSTANT))


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a range: `data` is a view of its bytes, or it is `generated`."""

    address: int
    size: int
    data: Bytes | None
    generated: Generated | None

    def read(self, out: Bytes, threads: int) -> None:
        if self.data is not None:
            move(out, self.data, threads)
        elif self.generated is not None:
            self.generated.fill(out, self.address, threads)


class HostPages(Protocol):
    """Where the bytes come from. Units begin at multiples of UNIT_BYTES from the base of the memory."""

    def map(self, begin: int, end: int) -> Bytes:
        """A shared view of the contents. OutOfDeviceMemoryError."""

    def take(self, units: int) -> None:
        """Before bytes are touched. OutOfDeviceMemoryError names what is needed and available."""

    def give_back(self, begin: int, end: int) -> None:
        """Whole units, taken before; they read as zeros afterwards."""


class Backing(Protocol):
    """Contents of one allocation, by absolute addresses."""

    def view(self, begin: int, end: int) -> Bytes:
        """The bytes themselves, for as long as the allocation lives. OutOfDeviceMemoryError."""

    def segments(self, begin: int, end: int) -> Iterator[Segment]:
        """The range in order of addresses, nothing left out."""

    def generate(self, begin: int, end: int, contents: Generated, threads: int) -> None:
        """Fill the range. OutOfDeviceMemoryError."""

    def write(self, begin: int, data: Bytes, threads: int) -> None:
        """OutOfDeviceMemoryError."""

    def release(self) -> None:
        """The allocation is freed."""


class MappedBlock:
    """All bytes, promised by the host when it was allocated."""

    def __init__(self, address: int, mapping: Bytes) -> None:
        self._address = address
        self._mapping = mapping

    def view(self, begin: int, end: int) -> Bytes:
        return self._mapping[begin - self._address : end - self._address]

    def segments(self, begin: int, end: int) -> Iterator[Segment]:
        yield Segment(begin, end - begin, self.view(begin, end), None)

    def generate(self, begin: int, end: int, contents: Generated, threads: int) -> None:
        contents.fill(self.view(begin, end), begin, threads)

    def write(self, begin: int, data: Bytes, threads: int) -> None:
        move(self.view(begin, begin + data.size), data, threads)

    def release(self) -> None:
        """DeviceMemory gives back the units, which neighbours may share."""


class SparseBlock:
    """Begins and ends at the border of a unit. Units that somebody has a view of stay bytes, since nobody can tell when
    the view is read; all others become a pattern again when they are filled with one."""

    def __init__(self, begin: int, end: int, pages: HostPages) -> None:
        self._begin, self._end = begin, end
        self._pages = pages
        self._generated: dict[int, Generated] = {}
        self._bytes: dict[int, Bytes] = {}
        self._viewed: set[int] = set()

    def view(self, begin: int, end: int) -> Bytes:
        units = [unit for unit, _, _ in self._parts(begin, end)]
        self._materialise(units)
        self._viewed.update(units)
        first = units[0]
        return self._pages.map(first, units[-1] + UNIT_BYTES)[begin - first : end - first]

    def segments(self, begin: int, end: int) -> Iterator[Segment]:
        start, run = begin, None
        for unit, first, _ in self._parts(begin, end):
            data = self._bytes.get(unit)
            contents = None if data is not None else self._generated.get(unit, _FRESH)
            if run is not None and contents is not run:
                yield Segment(start, first - start, None, run)
            if contents is not run:
                start, run = first, contents
            if data is not None:
                last = min(end, unit + UNIT_BYTES)
                yield Segment(first, last - first, data[first - unit : last - unit], None)
        if run is not None:
            yield Segment(start, end - start, None, run)

    def generate(self, begin: int, end: int, contents: Generated, threads: int) -> None:
        for unit, first, last in self._parts(begin, end):
            if last - first == UNIT_BYTES and unit not in self._viewed:
                if self._bytes.pop(unit, None) is not None:
                    self._pages.give_back(unit, unit + UNIT_BYTES)
                self._generated[unit] = contents
            else:
                contents.fill(self._unit_bytes(unit)[first - unit : last - unit], first, threads)

    def write(self, begin: int, data: Bytes, threads: int) -> None:
        self._materialise([unit for unit, _, _ in self._parts(begin, begin + data.size)])
        for unit, first, last in self._parts(begin, begin + data.size):
            move(self._bytes[unit][first - unit : last - unit], data[first - begin : last - begin], threads)

    def release(self) -> None:
        for unit in self._bytes:
            self._pages.give_back(unit, unit + UNIT_BYTES)
        self._bytes.clear()
        self._generated.clear()

    def _parts(self, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        """(unit, first, last) for each unit that the range touches."""
        unit = begin - (begin - self._begin) % UNIT_BYTES
        while unit < end:
            yield unit, max(begin, unit), min(end, unit + UNIT_BYTES)
            unit += UNIT_BYTES

    def _unit_bytes(self, unit: int) -> Bytes:
        self._materialise([unit])
        return self._bytes[unit]

    def _materialise(self, units: list[int]) -> None:
        missing = [unit for unit in units if unit not in self._bytes]
        if not missing:
            return
        self._pages.take(len(missing))
        for unit in missing:
            data = self._pages.map(unit, unit + UNIT_BYTES)
            contents = self._generated.pop(unit, None)
            if contents is not None:
                contents.fill(data, unit, 1)
            self._bytes[unit] = data


def move(destination: Bytes, source: Bytes, threads: int) -> None:
    """Contiguous ranges of the same size that do not overlap. Other threads run meanwhile."""
    lib.mv_copy(ffi.from_buffer(destination), ffi.from_buffer(source), destination.size, threads)
