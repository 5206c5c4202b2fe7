"""Ranges of a memory that are taken for a while: first fit, as both memory plans want it."""

from __future__ import annotations

import bisect

__all__ = ["Intervals"]


class Intervals:
    """Taken ranges, kept in the order of their addresses."""

    def __init__(self) -> None:
        self._taken: list[tuple[int, int, int]] = []

    def free_before(self, place: int) -> None:
        """Give back what nobody uses at this place of the schedule or later."""
        self._taken = [block for block in self._taken if block[2] >= place]

    def lowest_gap(self, size: int) -> int:
        start = 0
        for begin, end, _ in self._taken:
            if begin - start >= size:
                break
            start = max(start, end)
        return start

    def take(self, start: int, size: int, last_use: int) -> None:
        """Until the node at `last_use` has run."""
        bisect.insort(self._taken, (start, start + size, last_use))
