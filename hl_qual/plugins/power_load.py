"""A card kept busy without a gap, results checked whenever the checker is free. Used inside a runner.

Two launches are always in flight, so that the host's work between them never shows on the power. The result of a
finished one lies in a third buffer meanwhile.
"""

from __future__ import annotations

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

SLOTS = 3
_IN_FLIGHT = 2


@dataclass(frozen=True, slots=True)
class _Flight:
    number: int
    data_set: int
    slot: int
    launch: Launch


class Load:
    """Runs benches of one card; launches are counted through all of them."""

    def __init__(self, benches: list[Bench], checker: Checker) -> None:
        self._benches = benches
        self._checker = checker
        self.launches = 0
        self.busy_s = 0.0
        self._wanted_set = 0

    def run(self, level: int, is_over: Callable[[], bool]) -> None:
        """Launch bench `level` until `is_over`, which is asked after every launch; then wait for and check the last."""
        flying = [self._launch(level) for _ in range(_IN_FLIGHT)]
        while True:
            done = flying.pop(0)
            self._finish(done)
            if is_over():
                break
            flying.append(self._launch(level))
            self._check_if_free(level, done)
        for done in flying:
            self._finish(done)
        self._check(level, flying[-1])

    def coverage(self, tally: Tally) -> Coverage:
        """After the checker was closed."""
        is_last = tally.last_checked == self.launches - 1
        return Coverage(self.launches, tally.checked, tally.mismatched, is_last_checked=is_last)

    def _launch(self, level: int) -> _Flight:
        number = self.launches
        self.launches += 1
        data_set, slot = number % len(SETS), number % SLOTS
        return _Flight(number, data_set, slot, self._benches[level].launch(data_set, slot))

    def _finish(self, flight: _Flight) -> None:
        self.busy_s += flight.launch.result().box_time_s

    def _check_if_free(self, level: int, flight: _Flight) -> None:
        """The two data sets in turn: only together they show every element."""
        if flight.data_set == self._wanted_set and self._checker.is_idle:
            self._check(level, flight)

    def _check(self, level: int, flight: _Flight) -> None:
        self._wanted_set = (flight.data_set + 1) % len(SETS)
        result = self._checker.take()
        self._benches[level].fetch(flight.slot, result)
        self._checker.submit(flight.number, level * len(SETS) + flight.data_set, result)
