"""A card kept busy without a gap, a part of the results checked. Used inside a runner.

Several launches are in flight, so that neither the host's work nor a host that is short of time shows on the power.
Most of them write to one buffer; every third writes to a buffer of its own and is checked if the checker is free then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hl_qual.outcome import Coverage
from hl_qual.plugins.matmul_workload import SETS

if TYPE_CHECKING:
    from device.runtime import Launch
    from hl_qual.golden.checker import Checker, Tally
    from hl_qual.plugins.matmul_bench import Bench

__all__ = ["SLOTS", "Load"]

_IN_FLIGHT = 6
# Odd, so that the data sets take turns.
_CHECKED_EACH = 3
# Slot 0 is that of the unchecked; two of the others are in flight, one is being copied out.
SLOTS = 1 + _IN_FLIGHT // _CHECKED_EACH + 1


@dataclass(frozen=True, slots=True)
class _Flight:
    number: int
    slot: int
    launch: Launch

    @property
    def data_set(self) -> int:
        return self.number % len(SETS)


class Load:
    """Runs the benches of one card, one at a time. `busy_s` are box seconds of execution, all benches together."""

    def __init__(self, benches: list[Bench], checker: Checker) -> None:
        self._benches = benches
        self._checker = checker
        self.launches = 0
        self.busy_s = 0.0
        self._launch_ns = 0.0

    def run(self, level: int, end_ns: int, look: Callable[[], int]) -> None:
        """Launch bench `level` until box time `end_ns`, at least once; the last result is checked in any case.

        `look` is asked for the box time after every launch. Near the end only as much is launched as will be done.
        """
        flying = deque([self._launch(level)])
        while flying:
            now_ns = look()
            while len(flying) < _IN_FLIGHT and now_ns + len(flying) * self._launch_ns < end_ns:
                flying.append(self._launch(level))
            done = flying.popleft()
            self._finish(done)
            if done.slot and flying and self._checker.is_idle:
                self._check(level, done)
            if not flying and look() < end_ns:
                flying.append(self._launch(level))
        self._check(level, done)

    def coverage(self, tally: Tally) -> Coverage:
        """After the checker was closed."""
        is_last = tally.last_checked == self.launches - 1
        return Coverage(self.launches, tally.checked, tally.mismatched, is_last_checked=is_last)

    def _launch(self, level: int) -> _Flight:
        number = self.launches
        self.launches += 1
        turn, rest = divmod(number, _CHECKED_EACH)
        slot = 0 if rest else 1 + turn % (SLOTS - 1)
        return _Flight(number, slot, self._benches[level].launch(number % len(SETS), slot))

    def _finish(self, flight: _Flight) -> None:
        box_s = flight.launch.result().box_time_s
        self.busy_s += box_s
        self._launch_ns = box_s * 1e9

    def _check(self, level: int, flight: _Flight) -> None:
        result = self._checker.take()
        self._benches[level].fetch(flight.slot, result)
        self._checker.submit(flight.number, level * len(SETS) + flight.data_set, result)
