"""A mark in a stream: others wait for it, two of them measure device time."""

from __future__ import annotations

from device.errors import LaunchError
from device.runtime.pending import Pending
from device.runtime.session import Session
from device.runtime.time_lines import Ticket

__all__ = ["Event", "EventWait"]


class Event(Pending):
    """Handed out by Stream.record: done when everything that the stream had before it is done."""

    def __init__(self, session: Session, ticket: Ticket | None) -> None:
        super().__init__()
        self.ticket = ticket
        self._session = session
        self._begin_s = session.now_s

    def synchronize(self) -> None:
        """Wait. Raises what went wrong before it in its stream."""
        self._session.wait(self)
        self.raise_error()

    def seconds_since(self, earlier: Event) -> float:
        """Device time between two events. LaunchError before both are done."""
        if not (self.is_done and earlier.is_done):
            raise LaunchError("device time between events that have not been reached; synchronize first")
        return self._end_s() - earlier._end_s()

    def _end_s(self) -> float:
        return self._begin_s if self.ticket is None else self.ticket.end_s


class EventWait(Pending):
    """Holds a stream back until an event of another one. A failed event fails the waiting stream too."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self._event = event

    def execute(self) -> None:
        self._event.synchronize()
