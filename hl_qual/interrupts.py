"""Ctrl-C, SIGTERM and SIGHUP as a flag that the loops of a run look at. Installed by `cli` for the time of a run."""

from __future__ import annotations

import signal
from contextlib import AbstractContextManager
from types import FrameType

__all__ = ["Interrupts"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts(AbstractContextManager["Interrupts"]):
    """While entered, the signals only set `signal_number`; what was installed before comes back at the end.

    Main thread only. A SIGHUP that is ignored (nohup) stays ignored.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interrupts:
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGTERM:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def is_set(self) -> bool:
        """True once one of the signals has come."""
        return self.signal_number is not None

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.signal_number = number
