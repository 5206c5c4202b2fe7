"""A memory as engines and copies find it: its contents through the broken cells.

Every access intersects its range with the table of broken cells. A cell that strikes may be counted only, end the
access with EccError, or change what is read; what is stored stays as it was written. Two rows that select the same
cells are kept equal by whoever writes one of them. With no broken cell all of it is one comparison.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from device.memory.cells import Cell, CellKind, FaultyCells
from device.memory.device_memory import Bytes, DeviceMemory
from device.memory.pattern import WORD_BYTES, Mismatches, Pattern

__all__ = ["FaultyMemory", "Range"]

# (address, size in bytes)
Range = tuple[int, int]


class FaultyMemory:
    """`cells` gives the table of now. `strikes` is asked for each cell that a read meets, with the first address that
    it serves there; it counts, says whether the cell acts this time, and raises EccError. Any thread."""

    def __init__(
        self, memory: DeviceMemory, cells: Callable[[], FaultyCells], strikes: Callable[[Cell, int], bool]
    ) -> None:
        self.memory = memory
        self._cells = cells
        self._strikes = strikes
        # Held only while there are broken cells: an operation lends wrong bytes to the place that others read.
        self._lock = threading.RLock()

    def contains(self, address: int) -> bool:
        return self.memory.base <= address < self.memory.end

    def read(self, address: int, out: Bytes, threads: int = 1) -> None:
        """EccError; LaunchError as DeviceMemory has it."""
        cells = self._cells()
        if not cells:
            self.memory.read(address, out, threads)
            return
        with self._lock:
            acting = self._acting(cells, address, out.size)
            self.memory.read(address, out, threads)
        for cell in acting:
            cell.spoil(out, address)

    def write(self, address: int, data: Bytes, threads: int = 1) -> None:
        self.memory.write(address, data, threads)
        self._mirror(address, data.size)

    def fill(self, address: int, size_bytes: int, pattern: Pattern, threads: int = 1) -> None:
        self.memory.fill(address, size_bytes, pattern, threads)
        self._mirror(address, size_bytes)

    def check(
        self, address: int, size_bytes: int, pattern: Pattern, most: int = 0, threads: int = 1, shift: int = 0
    ) -> Mismatches:
        """Read and compare with what `fill` would have written at address + shift. EccError."""
        cells = self._cells()
        if not cells:
            return self.memory.check(address, size_bytes, pattern, most, threads, shift)
        found = Mismatches()
        with self._lock:
            acting = self._acting(cells, address, size_bytes)
            for begin, size, is_broken in _cut(address, size_bytes, acting):
                left = max(most - len(found.first), 0)
                if is_broken:
                    data = np.empty(size, np.uint8)
                    self.memory.read(begin, data)
                    for cell in acting:
                        cell.spoil(data, begin)
                    found += pattern.check(data, begin, left, shift=shift)
                else:
                    found += self.memory.check(begin, size, pattern, left, threads, shift)
        return found

    def copy(self, destination: int, source: int, size_bytes: int, threads: int = 1) -> None:
        """Within this memory. EccError."""
        cells = self._cells()
        if not cells:
            self.memory.copy(destination, source, size_bytes, threads)
            return
        with self._lock:
            acting = self._acting(cells, source, size_bytes)
            self.memory.copy(destination, source, size_bytes, threads)
            for begin, size, is_broken in _cut(source, size_bytes, acting):
                if is_broken:
                    data = np.empty(size, np.uint8)
                    self.memory.read(begin, data)
                    for cell in acting:
                        cell.spoil(data, begin)
                    self.memory.write(destination + begin - source, data)
            self._mirror(destination, size_bytes)

    @contextlib.contextmanager
    def operation(self, reads: Sequence[Range], writes: Sequence[Range]) -> Iterator[None]:
        """Around something that reads and writes views of these ranges: it finds the bytes that a read would get.
        EccError before it begins."""
        cells = self._cells()
        if not cells:
            yield
            return
        with self._lock:
            lent = [each for address, size in reads for each in self._lend(cells, address, size)]
            try:
                yield
            finally:
                for begin, kept in reversed(lent):
                    self._restore(begin, kept, writes)
            for address, size in writes:
                self._mirror(address, size)

    def _acting(self, cells: FaultyCells, address: int, size: int) -> tuple[Cell, ...]:
        """Those that strike and change data."""
        end = address + size
        met = ((cell, cell.meets(address, end)) for cell in cells.met_by(address, size))
        struck = [cell for cell, first in met if first is not None and self._is_struck(cell, first)]
        return tuple(cell for cell in struck if cell.kind in (CellKind.SILENT, CellKind.STUCK))

    def _is_struck(self, cell: Cell, first: int) -> bool:
        return cell.kind is not CellKind.ALIAS and self._strikes(cell, first)

    def _lend(self, cells: FaultyCells, address: int, size: int) -> Iterator[tuple[int, Bytes]]:
        for cell in self._acting(cells, address, size):
            begin, end = max(address, cell.begin), min(address + size, cell.end)
            view = self.memory.resolve(begin, end - begin)
            yield begin, view.copy()
            cell.spoil(view, begin)

    def _restore(self, begin: int, kept: Bytes, writes: Sequence[Range]) -> None:
        """But for what the operation has written there."""
        view = self.memory.resolve(begin, kept.size)
        is_kept = np.ones(kept.size, np.bool_)
        for address, size in writes:
            is_kept[max(address - begin, 0) : max(address + size - begin, 0)] = False
        view[is_kept] = kept[is_kept]

    def _mirror(self, address: int, size: int) -> None:
        """What was written to one of two rows that are the same cells lies in the other one too."""
        cells = self._cells()
        if not cells:
            return
        end = address + size
        with self._lock:
            for cell in cells.met_by(address, size):
                is_written_later = cell.begin < cell.other < end
                if cell.kind is not CellKind.ALIAS or is_written_later:
                    continue
                begin = max(address, cell.begin)
                data = np.empty(min(end, cell.end) - begin, np.uint8)
                target = cell.other + begin - cell.begin
                if self.memory.is_allocated(target) and self.memory.is_allocated(target + data.size - 1):
                    self.memory.read(begin, data)
                    self.memory.write(target, data)


def _cut(address: int, size: int, cells: Sequence[Cell]) -> Iterator[tuple[int, int, bool]]:
    """The range in pieces (address, size, whether a cell may have changed it), of whole words if the range is."""
    end = address + size
    broken = sorted((max(address, cell.begin), min(end, cell.end)) for cell in cells)
    place = address
    for begin, finish in broken:
        begin -= (begin - address) % WORD_BYTES
        finish = min(end, finish + (address - finish) % WORD_BYTES)
        if place < begin:
            yield place, begin - place, False
        if max(place, begin) < finish:
            yield max(place, begin), finish - max(place, begin), True
        place = max(place, finish)
    if place < end:
        yield place, end - place, False
