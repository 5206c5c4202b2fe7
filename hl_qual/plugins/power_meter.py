"""54 V power of a card over a stretch of box time, from its energy counter. Used inside a runner.

The counter integrates what the card draws, so a mean is exact whenever it is read; the reported power lags by a filter
of one second and would blur pulses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hl_qual.distribution import Distribution

__all__ = ["PowerMeter", "PowerSpan", "Reading"]

# One look of the card's own controller.
_WINDOW_NS = 100_000_000


class Reading(Protocol):
    """What is needed of device.card.CardReading."""

    @property
    def box_ns(self) -> int: ...
    @property
    def energy_j(self) -> float: ...


@dataclass(frozen=True, slots=True)
class PowerSpan:
    """What a stretch drew. `mean_w` is after the settling time, minimum and maximum are those of windows of 0.1 s."""

    seconds: float
    mean_w: float
    minimum_w: float
    maximum_w: float


class PowerMeter:
    """`begin`, then `sample` as often as you like, then `end`."""

    def __init__(self, read: Callable[[], Reading], settle_s: float) -> None:
        self._read = read
        self._settle_ns = round(settle_s * 1e9)

    def begin(self) -> None:
        """A new stretch."""
        self._first = self._settled = self._last = self._read()
        self._is_settled = self._settle_ns == 0
        self._windows = Distribution()

    def sample(self) -> None:
        """Close a window if 0.1 s have passed since the last one."""
        now = self._read()
        passed_ns = now.box_ns - self._last.box_ns
        if passed_ns < _WINDOW_NS:
            return
        watts = (now.energy_j - self._last.energy_j) / (passed_ns / 1e9)
        self._last = now
        if self._is_settled:
            self._windows.add(watts)
        elif now.box_ns - self._first.box_ns >= self._settle_ns:
            self._settled = now
            self._is_settled = True

    def end(self) -> PowerSpan | None:
        """None if the stretch was too short to measure anything after the settling time."""
        self.sample()
        seconds = (self._last.box_ns - self._settled.box_ns) / 1e9
        if not self._is_settled or self._windows.count == 0 or seconds <= 0:
            return None
        mean_w = (self._last.energy_j - self._settled.energy_j) / seconds
        return PowerSpan(seconds, mean_w, self._windows.minimum, self._windows.maximum)
