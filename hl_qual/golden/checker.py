"""A thread that checks results beside the launches: the engine never waits for a check unless four are outstanding.

The launching thread takes a free array (`take`), fills it and hands it over (`submit`); the checker gives it back.
A checker that breaks does not hide it: the error comes out of the next `take`, `submit` or `close`.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from hl_qual.golden.tiles import F32, Checksums, Golden, Mismatch, mismatches

__all__ = ["Checker", "Tally"]

_ARRAYS = 4
_KEPT = 16
_POLL_S = 0.5


@dataclass(slots=True)
class Tally:
    """What has been checked. Written by the checker thread; read it after `close`.

    `first` keeps the mismatches of the first wrong launches, with launch and data set.
    """

    checked: int = 0
    mismatched: int = 0
    last_checked: int = -1
    wrong_sets: dict[int, int] = field(default_factory=dict)
    first: list[tuple[int, int, Mismatch]] = field(default_factory=list)


class Checker:
    """Owns the thread and the arrays. One launching thread."""

    def __init__(self, golden: Sequence[Golden], checksums: Checksums) -> None:
        self.tally = Tally()
        self._golden = golden
        self._checksums = checksums
        self._free: queue.Queue[F32] = queue.Queue()
        self._work: queue.Queue[tuple[int, int, F32] | None] = queue.Queue()
        self._error: BaseException | None = None
        for _ in range(_ARRAYS):
            self._free.put(np.empty_like(golden[0].result))
        self._thread = threading.Thread(target=self._loop, name="hl_qual-checker", daemon=True)
        self._thread.start()

    @property
    def is_idle(self) -> bool:
        """True while nothing waits to be checked: one more result would not pile up."""
        return self._free.qsize() == _ARRAYS

    def take(self) -> F32:
        """An array for the next result; waits while all of them are being checked."""
        while True:
            self._raise_error()
            try:
                return self._free.get(timeout=_POLL_S)
            except queue.Empty:
                continue

    def submit(self, launch: int, data_set: int, result: F32) -> None:
        """Check `result`, which came from `take`, against the golden of its data set."""
        self._raise_error()
        self._work.put((launch, data_set, result))

    def close(self) -> Tally:
        """Wait until everything is checked."""
        self._work.put(None)
        self._thread.join()
        self._raise_error()
        return self.tally

    def _raise_error(self) -> None:
        if self._error is not None:
            raise RuntimeError(f"the checker broke: {self._error}") from self._error

    def _loop(self) -> None:
        try:
            while (item := self._work.get()) is not None:
                self._check(*item)
        except BaseException as error:
            self._error = error

    def _check(self, launch: int, data_set: int, result: F32) -> None:
        wrong = mismatches(self._golden[data_set], result, self._checksums)
        tally = self.tally
        tally.checked += 1
        tally.last_checked = launch
        if wrong:
            tally.mismatched += 1
            tally.wrong_sets[data_set] = tally.wrong_sets.get(data_set, 0) + 1
            room = _KEPT - len(tally.first)
            tally.first += [(launch, data_set, mismatch) for mismatch in wrong[:room]]
        self._free.put(result)
