"""A figure over the time of a test, for plots: a bounded number of points, however long the test is."""

from __future__ import annotations

from hl_qual.outcome import Series

__all__ = ["Course"]

_KEPT = 256


class Course:
    """Mean of every n values, n doubling when the memory is full. Used by plugins; one thread."""

    def __init__(self, name: str, unit: str) -> None:
        self._name = name
        self._unit = unit
        self._stride = 1
        self._gathered: list[tuple[float, float]] = []
        self._points: list[tuple[float, float]] = []

    def add(self, box_ns: int, value: float) -> None:
        """One more value, measured at this box time."""
        self._gathered.append((box_ns / 1e9, value))
        if len(self._gathered) >= self._stride:
            self._points.append(_mean(self._gathered))
            self._gathered = []
        if len(self._points) >= _KEPT:
            self._points = [_mean(self._points[number : number + 2]) for number in range(0, _KEPT, 2)]
            self._stride *= 2

    @property
    def series(self) -> Series:
        """What has come so far."""
        rest = [_mean(self._gathered)] if self._gathered else []
        return Series(self._name, self._unit, (*self._points, *rest))


def _mean(points: list[tuple[float, float]]) -> tuple[float, float]:
    return sum(point[0] for point in points) / len(points), sum(point[1] for point in points) / len(points)
