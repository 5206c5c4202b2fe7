"""-sync: the runners of a run meet before every rising edge, and tell each other when it came.

One small file in the run's directory, mapped by all runners: per rank the number of the edge it has arrived at, then a
ring of edge times. A rank is there while it holds the lock on its own lock file; the kernel frees that at any death, so
nobody waits for the dead and a crash stays the matter of its own card.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["Barrier"]

_RING = 1024
_ROW = 1 + _RING
_WORD = 8
_POLL_S = 0.0005
# How often those that are missing are looked after.
_LOOK_S = 0.05


class Barrier:
    """Of one runner. All of a run are made before any of them waits: the start gate sees to that."""

    def __init__(self, directory: Path, rank: int, ranks: int) -> None:
        self._directory = directory
        self._rank = rank
        self._present = set(range(ranks))
        self._lock_fd = os.open(self._lock_path(rank), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock_fd, fcntl.LOCK_EX)
        fd = os.open(directory / "edges", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(fd, ranks * _ROW * _WORD)
            self._words = memoryview(mmap.mmap(fd, ranks * _ROW * _WORD)).cast("q")
        finally:
            os.close(fd)

    def wait(self, edge: int, while_waiting: Callable[[], None]) -> list[int]:
        """Until every rank that still lives has arrived at `edge` (0, 1, ...); ranks found dead while waiting."""
        self._words[self._rank * _ROW] = edge + 1
        lost: list[int] = []
        look_at_s = time.monotonic() + _LOOK_S
        while missing := [rank for rank in self._present if self._words[rank * _ROW] <= edge]:
            time.sleep(_POLL_S)
            if time.monotonic() >= look_at_s:
                while_waiting()
                dead = [rank for rank in missing if not self._is_alive(rank)]
                self._present.difference_update(dead)
                lost += dead
                look_at_s = time.monotonic() + _LOOK_S
        return lost

    def note_edge(self, edge: int, box_ns: int) -> None:
        """Tell the others when this card's power began to rise."""
        self._words[self._rank * _ROW + 1 + edge % _RING] = box_ns

    def skew_ns(self, edge: int) -> int:
        """From the first to the last card; after a later `wait`, when all have noted it."""
        times = [self._words[rank * _ROW + 1 + edge % _RING] for rank in self._present]
        return max(times) - min(times)

    def close(self) -> None:
        """Leave: whoever waits for this rank from now on does not."""
        os.close(self._lock_fd)

    def _lock_path(self, rank: int) -> Path:
        return self._directory / f"rank{rank}.lock"

    def _is_alive(self, rank: int) -> bool:
        """Another process that tries at the same moment makes a dead rank look alive once more; the next look tells."""
        fd = os.open(self._lock_path(rank), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False
