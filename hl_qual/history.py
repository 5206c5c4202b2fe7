"""The course of a card over its test, for plots: a bounded number of points, however long the test is."""

from __future__ import annotations

from dataclasses import dataclass

from hlml.types import DeviceSnapshot

__all__ = ["History", "Point"]

_KEPT = 512


@dataclass(frozen=True, slots=True)
class Point:
    """One sample; box seconds since the box began."""

    box_s: float
    power_w: float
    temp_c: float
    clock_mhz: float


class History:
    """Keeps every n-th sample, n doubling when the memory is full."""

    def __init__(self) -> None:
        self._count = 0
        self._stride = 1
        self._kept: list[Point] = []

    def add(self, snapshot: DeviceSnapshot) -> None:
        """One more sample."""
        if self._count % self._stride == 0:
            power_w = snapshot.power_54v_mw / 1e3
            point = Point(snapshot.box_time_ns / 1e9, power_w, snapshot.temperature_c, snapshot.clock_soc_mhz)
            self._kept.append(point)
        self._count += 1
        if len(self._kept) >= _KEPT:
            self._kept = self._kept[::2]
            self._stride *= 2

    @property
    def points(self) -> tuple[Point, ...]:
        """In the order of time."""
        return tuple(self._kept)
