"""Something that a stream will do, and that somebody may wait for."""

from __future__ import annotations

import threading

__all__ = ["Pending"]


class Pending:
    """Work of a stream. The stream's thread calls `execute` and then `finish`; anybody may wait."""

    def __init__(self) -> None:
        # A lock that is held until the work is done: half the price of an Event, which counts for empty launches.
        self._running = threading.Lock()
        self._running.acquire()
        self._error: BaseException | None = None
        self._is_done = False

    @property
    def is_done(self) -> bool:
        return self._is_done

    def wait(self, timeout_s: float) -> bool:
        """Whether it is done."""
        if not self._is_done and self._running.acquire(timeout=timeout_s):
            self._running.release()
        return self._is_done

    def execute(self) -> None:
        """On the stream's thread."""

    def abandon(self) -> None:
        """Instead of execute, after an earlier error."""

    def finish(self, error: BaseException | None) -> None:
        self._error = error
        self._is_done = True
        self._running.release()

    def raise_error(self) -> None:
        if self._error is not None:
            raise self._error
