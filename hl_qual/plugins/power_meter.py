"""54 V power of a card over a stretch of box time, from its energy counter. Used inside a runner.

The counter integrates what the card draws, so a mean is exact whenever it is read; the reported power lags by a filter
of one second and would blur pulses. A window in which the host left the card without work says nothing about the card:
it is counted as starved and left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

__all__ = ["PowerMeter", "PowerSpan", "Reading"]

# One look of the card's own controller.
_WINDOW_NS = 100_000_000

# The ends of a window are seen a little late, so a full window rarely shows its full share of work.
_STARVED_SHARE = 0.75


class Reading(Protocol):
    """What is needed of device.card.CardReading."""

    @property
    def box_ns(self) -> int: ...
    @property
    def energy_j(self) -> float: ...


@dataclass(frozen=True, slots=True)
class PowerSpan:
    """What a stretch drew after its settling time, in windows of 0.1 s without the starved ones, `seconds` in all.

    `peak_w` is the highest of all windows, those of the settling time included.
    """

    seconds: float
    starved_s: float
    mean_w: float
    minimum_w: float
    maximum_w: float
    peak_w: float


class PowerMeter:
    """`begin`, then `sample` as often as you like, then `end`."""

    def __init__(self, read: Callable[[], Reading], settle_s: float) -> None:
        self._read = read
        self._settle_ns = round(settle_s * 1e9)

    def begin(self, busy_s: Callable[[], float] | None = None) -> None:
        """A new stretch. `busy_s` counts the seconds of executed work; None for an idle stretch."""
        self._busy_s = busy_s
        self._busy_before_s = 0.0 if busy_s is None else busy_s()
        self._last = self._read()
        self._settled_ns = self._last.box_ns + self._settle_ns
        self._windows: list[tuple[float, float]] = []
        self._starved_s = 0.0
        self._peak_w = 0.0

    def sample(self) -> None:
        """Close a window if 0.1 s have passed since the last one."""
        now, before = self._read(), self._last
        if now.box_ns - before.box_ns < _WINDOW_NS:
            return
        seconds = (now.box_ns - before.box_ns) / 1e9
        watts = (now.energy_j - before.energy_j) / seconds
        is_starved = self._take_busy_s() < _STARVED_SHARE * seconds
        self._last = now
        self._peak_w = max(self._peak_w, watts)
        if before.box_ns < self._settled_ns:
            return
        if is_starved:
            self._starved_s += seconds
        else:
            self._windows.append((seconds, watts))

    def end(self) -> PowerSpan | None:
        """None if the stretch was too short to measure anything after the settling time."""
        self.sample()
        if not self._windows and not self._starved_s:
            return None
        seconds = sum(length for length, _ in self._windows)
        energy_j = sum(length * watts for length, watts in self._windows)
        powers = [watts for _, watts in self._windows] or [0.0]
        mean_w = energy_j / seconds if seconds else 0.0
        return PowerSpan(seconds, self._starved_s, mean_w, min(powers), max(powers), self._peak_w)

    def _take_busy_s(self) -> float:
        if self._busy_s is None:
            return float("inf")
        now_s = self._busy_s()
        done_s, self._busy_before_s = now_s - self._busy_before_s, now_s
        return done_s
