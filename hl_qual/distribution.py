"""Minimum, median and maximum of a stream of values, in bounded memory."""

from __future__ import annotations

import statistics

__all__ = ["Distribution"]

_KEPT = 4096


class Distribution:
    """Minimum and maximum are exact; the median is that of every n-th value, n doubling when the memory is full."""

    def __init__(self) -> None:
        self.count = 0
        self.minimum = float("inf")
        self.maximum = float("-inf")
        self._kept: list[float] = []
        self._stride = 1

    def add(self, value: float) -> None:
        """One more value."""
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)
        if self.count % self._stride == 0:
            self._kept.append(value)
        self.count += 1
        if len(self._kept) >= _KEPT:
            self._kept = self._kept[::2]
            self._stride *= 2

    @property
    def median(self) -> float:
        """statistics.StatisticsError if there is no value."""
        return statistics.median(self._kept)
