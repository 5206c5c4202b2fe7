"""Broken cells: a sparse table of them, and what they do to the data that is read. Pure.

Where the cells are comes from the faults of a card; whether one strikes this time, and who counts it, is decided by the
caller. Words have 64 bits; a mask names bits of every word of the cell's range.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.address_map import AddressMap
from device.memory.pattern import WORD_BYTES

__all__ = ["Cell", "CellKind", "FaultyCells", "alias_cells", "burst_cell", "stuck_cells", "word_cell"]

Bytes = NDArray[np.uint8]


class CellKind(enum.StrEnum):
    """CORRECTED and UNCORRECTED are seen by the code and leave the data alone. SILENT turns bits, STUCK holds them, and
    an ALIAS is a place that is also reached by another address."""

    CORRECTED = "corrected"
    UNCORRECTED = "uncorrected"
    SILENT = "silent"
    STUCK = "stuck"
    ALIAS = "alias"


@dataclass(frozen=True, slots=True)
class Cell:
    """The range [begin, begin + size) of addresses. `source` is whatever the caller wants to know it by.

    `value` are the bits that a stuck mask holds; `other` begins the range that an alias falls on. A cell with a
    `period` is one of a cache: it serves every address that is a multiple of the period away.
    """

    kind: CellKind
    begin: int
    size: int
    source: object
    mask: int = 0
    value: int = 0
    other: int = 0
    period: int = 0

    @property
    def end(self) -> int:
        return self.begin + self.size

    def meets(self, begin: int, end: int) -> int | None:
        """The first address of the range that the cell serves."""
        if not self.period:
            return max(begin, self.begin) if begin < self.end and self.begin < end else None
        inside = (begin - self.begin) % self.period
        first = begin if inside < self.size else begin + self.period - inside
        return first if first < end else None

    def spoil(self, data: Bytes, address: int) -> None:
        """What a read of `data` at `address` gets instead."""
        begin, end = max(address, self.begin), min(address + data.size, self.end)
        if begin >= end or self.kind not in (CellKind.SILENT, CellKind.STUCK):
            return
        part = data[begin - address : end - address]
        mask = self._bits(self.mask, begin, end)
        if self.kind is CellKind.SILENT:
            part ^= mask
        else:
            part &= ~mask
            part |= self._bits(self.value, begin, end) & mask

    def _bits(self, word: int, begin: int, end: int) -> Bytes:
        """The bytes of a word that repeats over the range."""
        repeated = np.frombuffer(word.to_bytes(WORD_BYTES, "little") * (-(-self.size // WORD_BYTES)), np.uint8)
        return repeated[begin - self.begin : end - self.begin]


class FaultyCells:
    """False if it is empty, which costs nothing to find out."""

    def __init__(self, cells: Iterable[Cell] = ()) -> None:
        self.cells = tuple(cells)

    def __bool__(self) -> bool:
        return bool(self.cells)

    def met_by(self, address: int, size: int) -> tuple[Cell, ...]:
        """The cells that an access meets. A card has at most a few hundred, so nobody searches."""
        end = address + size
        return tuple(cell for cell in self.cells if cell.meets(address, end) is not None)


def burst_cell(kind: CellKind, address: int, addresses: AddressMap, source: object) -> Cell:
    """What is read and checked together with the byte at `address`."""
    size = addresses.hbm.burst_bytes
    return Cell(kind, address - (address - addresses.base) % size, size, source)


def word_cell(address: int, base: int, mask: int, source: object) -> Cell:
    """A word whose bits turn without the code seeing it."""
    return Cell(CellKind.SILENT, address - (address - base) % WORD_BYTES, WORD_BYTES, source, mask)


def stuck_cells(address: int, addresses: AddressMap, mask: int, value: int, source: object) -> tuple[Cell, ...]:
    """The row of `address`: some of its bit lines hold their value whatever was written."""
    pieces = addresses.pieces_of(addresses.row_of(address))
    return tuple(Cell(CellKind.STUCK, begin, size, source, mask, value) for begin, size in pieces)


def alias_cells(first: int, second: int, addresses: AddressMap, source: object) -> tuple[Cell, ...]:
    """Two rows that select the same cells, by an address in each of them; none if it is the same row."""
    one, two = (addresses.pieces_of(addresses.row_of(address)) for address in (first, second))
    if one == two:
        return ()
    cells: list[Cell] = []
    for (begin, size), (other, _) in zip(one, two, strict=True):
        cells.append(Cell(CellKind.ALIAS, begin, size, source, other=other))
        cells.append(Cell(CellKind.ALIAS, other, size, source, other=begin))
    return tuple(cells)
