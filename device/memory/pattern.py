"""What a memory test writes: data that depends on its position alone, so that any part can be made or checked alone.

csrc/kernels/mover.h defines the numbers. Positions are usually device addresses; they and all sizes are multiples of 8.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device._device import ffi, lib

__all__ = ["WORD_BYTES", "Mismatch", "Mismatches", "Pattern", "PatternKind", "compare"]

WORD_BYTES = 8
_ALL_ONES = 2**64 - 1

Bytes = NDArray[np.uint8]


class PatternKind(enum.IntEnum):
    """CONSTANT repeats the seed; ADDRESS is the position, exclusive or with the seed; RANDOM looks like noise."""

    CONSTANT = lib.MV_CONSTANT
    ADDRESS = lib.MV_ADDRESS
    RANDOM = lib.MV_RANDOM


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A 64-bit word that is not what it should be."""

    position: int
    expected: int
    actual: int

    def __str__(self) -> str:
        return f"0x{self.position:x}: expected 0x{self.expected:016x}, actual 0x{self.actual:016x}"


@dataclass(frozen=True, slots=True)
class Mismatches:
    """How many words differ; `first` are the lowest ones, as many as were asked for."""

    count: int = 0
    first: tuple[Mismatch, ...] = ()

    def __add__(self, later: Mismatches) -> Mismatches:
        """Of two ranges, the lower one first."""
        return Mismatches(self.count + later.count, self.first + later.first)


@dataclass(frozen=True, slots=True)
class Pattern:
    """`seed` has 64 bits. `is_inverted` turns every bit around, so that two writes put both values into every cell."""

    kind: PatternKind
    seed: int = 0
    is_inverted: bool = False

    def inverted(self) -> Pattern:
        return Pattern(self.kind, self.seed, not self.is_inverted)

    def fill(self, out: Bytes, position: int, threads: int = 1) -> None:
        """What the pattern has from `position` on. `out` is contiguous."""
        _check_words(position, out.size)
        lib.mv_generate(_raw(self), position, ffi.from_buffer(out), out.size, threads)

    def check(self, data: Bytes, position: int, most: int = 0, threads: int = 1, shift: int = 0) -> Mismatches:
        """Compare `data`, which lies at `position`, with what the pattern has from position + shift on."""
        _check_words(position + shift, data.size)
        found = ffi.new("struct mv_mismatch[]", max(most, 1))
        pointer = ffi.from_buffer(data)
        begin = (position + shift) & _ALL_ONES
        count = lib.mv_check(_raw(self), begin, pointer, data.size, found, most, threads)
        return _mismatches(count, found, most, position)

    def check_generated(
        self,
        contents: Pattern,
        contents_shift: int,
        position: int,
        size: int,
        most: int = 0,
        threads: int = 1,
        shift: int = 0,
    ) -> Mismatches:
        """The same for a range that holds `contents`, displaced as well: made in pieces, then compared."""
        _check_words(position + shift, size)
        _check_words(position + contents_shift, size)
        found = ffi.new("struct mv_mismatch[]", max(most, 1))
        made, wanted = (position + contents_shift) & _ALL_ONES, (position + shift) & _ALL_ONES
        count = lib.mv_check_generated(_raw(contents), made, _raw(self), wanted, size, found, most, threads)
        return _mismatches(count, found, most, position)


def compare(wanted: Bytes, actual: Bytes, position: int = 0, most: int = 0, threads: int = 1) -> Mismatches:
    """Two ranges of the same size, a multiple of 8; `position` is that of the first word."""
    _check_words(position, actual.size)
    if wanted.size != actual.size:
        raise ValueError(f"{wanted.size} bytes compared with {actual.size}")
    found = ffi.new("struct mv_mismatch[]", max(most, 1))
    count = lib.mv_compare(ffi.from_buffer(wanted), ffi.from_buffer(actual), actual.size, found, most, threads)
    return _mismatches(count, found, most, position)


def _check_words(position: int, size: int) -> None:
    if position % WORD_BYTES or size % WORD_BYTES or size < 0:
        raise ValueError(f"{size} bytes at 0x{position:x}: patterns consist of whole words of {WORD_BYTES} bytes")


def _raw(pattern: Pattern) -> object:
    raw = ffi.new("struct mv_pattern *")
    raw.kind, raw.seed = int(pattern.kind), pattern.seed & _ALL_ONES
    raw.flip = _ALL_ONES if pattern.is_inverted else 0
    return raw


def _mismatches(count: int, found: object, most: int, position: int) -> Mismatches:
    kept = min(count, most)
    words = (found[i] for i in range(kept))  # type: ignore[index]
    return Mismatches(count, tuple(Mismatch(position + word.offset, word.expected, word.actual) for word in words))
