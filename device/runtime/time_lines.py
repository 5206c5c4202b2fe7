"""Device time: one time line per engine class, booked by the launches of all streams in the order of submission.

Pure but for its lock. A launch is one block: its engines keep their places within it, and the block moves until all of
them are free. The HBM counts as an engine that is busy from the block's start for as long as its bytes take, and the
SRAM as one that a launch with slices in it holds from end to end. So no engine is ever booked twice, and two streams
that want the same one lengthen each other's device time.

A launch is booked when it starts to execute, since only then the clock is known; whatever was submitted before it and
still waits in another stream is booked first.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from device.engine_class import EngineClass
from device.recipe import LaunchCost

__all__ = ["Ticket", "TimeLines"]

_SRAM = "sram"
_Line = EngineClass | str


class Ticket:
    """A launch on the time lines. `end_s` and `device_s` hold once it is booked."""

    __slots__ = ("_after", "cost_at", "device_s", "end_s", "floor_s", "is_open", "lane")

    def __init__(
        self, cost_at: Callable[[float], LaunchCost], after: tuple[Ticket, ...], floor_s: float, lane: int = 0
    ) -> None:
        self.cost_at = cost_at
        self.lane = lane
        self._after = after
        self.floor_s = floor_s
        self.end_s = floor_s
        self.device_s = 0.0
        self.is_open = True

    def settle(self) -> float:
        """When all it comes after have ended. Forgets them, or a stream would keep every ticket it ever had."""
        ready_s = max([ticket.end_s for ticket in self._after], default=0.0)
        self._after = ()
        self.is_open = False
        return max(ready_s, self.floor_s)


class TimeLines:
    """Of one card, in seconds since it was acquired or of the box: whichever the floors count in. An engine is free
    again `gap_s` after a launch. Any thread."""

    def __init__(self, gap_s: float = 0.0) -> None:
        self._lock = threading.Lock()
        self._gap_s = gap_s
        self._waiting: deque[Ticket] = deque()
        self._free_at: dict[tuple[_Line, int], float] = {}
        self._front_s = 0.0

    @property
    def front_s(self) -> float:
        """The end of whatever has finished: device time has come this far."""
        return self._front_s

    def submit(
        self, cost_at: Callable[[float], LaunchCost], after: tuple[Ticket, ...], floor_s: float, lane: int = 0
    ) -> Ticket:
        """`cost_at` gives the cost at a clock ratio; the launch starts after all of `after` and not before floor_s.
        The link to the host has a lane for each direction, which do not wait for each other."""
        ticket = Ticket(cost_at, after, floor_s, lane)
        with self._lock:
            self._waiting.append(ticket)
        return ticket

    def book(self, ticket: Ticket, clock_ratio: float) -> None:
        """And everything that was submitted before it."""
        with self._lock:
            while ticket.is_open:
                self._book(self._waiting.popleft(), clock_ratio)

    def cancel(self, ticket: Ticket) -> None:
        """It takes no time."""
        with self._lock:
            if ticket.is_open:
                self._waiting.remove(ticket)
                ticket.end_s = ticket.settle()

    def complete(self, ticket: Ticket) -> None:
        with self._lock:
            self._front_s = max(self._front_s, ticket.end_s)

    def _book(self, ticket: Ticket, clock_ratio: float) -> None:
        cost = ticket.cost_at(clock_ratio)
        ready_s = ticket.settle()
        intervals = _intervals(cost)
        lanes = [(engine, ticket.lane if engine is EngineClass.PCIE else 0) for engine, _, _ in intervals]
        begins = zip(lanes, (begin_s for _, begin_s, _ in intervals), strict=True)
        start_s = max([ready_s, *(self._free_at.get(lane, 0.0) - begin_s for lane, begin_s in begins)])
        for lane, (_, _, finish_s) in zip(lanes, intervals, strict=True):
            self._free_at[lane] = start_s + finish_s + self._gap_s
        ticket.end_s = start_s + cost.seconds
        ticket.device_s = ticket.end_s - ready_s


def _intervals(cost: LaunchCost) -> list[tuple[_Line, float, float]]:
    """From the first to the last use of each engine, relative to the start of the launch."""
    found: dict[_Line, tuple[float, float]] = {}
    if cost.busy.hbm > 0.0:
        found[EngineClass.HBM] = (0.0, cost.busy.hbm * cost.seconds)
    if cost.scratchpad_bytes > 0:
        found[_SRAM] = (0.0, cost.seconds)
    for span in cost.spans:
        begin_s, finish_s = found.get(span.engine, (span.start_s, span.end_s))
        found[span.engine] = (min(begin_s, span.start_s), max(finish_s, span.end_s))
    return [(engine, begin_s, finish_s) for engine, (begin_s, finish_s) in found.items()]
