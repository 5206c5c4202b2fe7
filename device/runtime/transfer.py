"""A command that moves, fills or checks memory: booked on the card's time lines, and carried out by the host.

Its device time comes from the engines and the link as they are when it starts; the bytes move in pieces, between which
the card is looked at, so that a reset or loss ends a command of any size. What is moved, and where, is in commands.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from device.card import Pulse
from device.cost import OperationCost
from device.errors import EccError
from device.memory import Mismatches
from device.recipe import LaunchCost, Span
from device.runtime.pending import Pending
from device.runtime.session import Session
from device.runtime.time_lines import Ticket

__all__ = ["Command", "Transfer", "TransferResult", "launch_cost_of"]

# What moves between two looks at the card: some 10 ms of host time.
_PIECE_BYTES = 64 << 20

# A command below this is over before its activity could be published.
_BUSY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Command:
    """`cost_at` gives the cost at a clock ratio, `move` carries out a piece (offset, size) of it. `rx_bytes` cross the
    link from the host, `tx_bytes` to it. Commands of different lanes share the link, since it has two directions.
    `moves_host_data` is done in model mode too."""

    name: str
    size_bytes: int
    cost_at: Callable[[float], OperationCost]
    move: Callable[[int, int], Mismatches | None]
    rx_bytes: int = 0
    tx_bytes: int = 0
    lane: int = 0
    moves_host_data: bool = False


@dataclass(frozen=True, slots=True)
class TransferResult:
    """`device_time_s` includes waiting for engines that other streams use. `mismatches` is that of a check."""

    size_bytes: int
    device_time_s: float
    box_time_s: float
    dilation: float
    mismatches: Mismatches

    @property
    def bytes_per_s(self) -> float:
        """In device time; infinite for a transfer of nothing."""
        return self.size_bytes / self.device_time_s if self.device_time_s > 0.0 else float("inf")


class Transfer(Pending):
    """Handed out by the copying methods of Card."""

    def __init__(self, session: Session, command: Command, ticket: Ticket) -> None:
        super().__init__()
        self.ticket = ticket
        self._session = session
        self._command = command
        self._result: TransferResult | None = None

    def result(self) -> TransferResult:
        """Waits. Raises what went wrong: EccError, LaunchError, DeviceResetError, CardLostError."""
        self._session.wait(self)
        self.raise_error()
        assert self._result is not None
        return self._result

    def execute(self) -> None:
        session, command = self._session, self._command
        session.faults.refresh()
        before = session.running_pulse()
        session.time_lines.book(self.ticket, before.clock_ratio)
        is_busy = command.size_bytes >= _BUSY_BYTES
        if is_busy:
            session.activity.begin(self, command.cost_at(before.clock_ratio).busy)
        try:
            mismatches = self._carry_out()
            after = session.pulse()
        finally:
            if is_busy:
                session.activity.end(self, lingers=False)
            session.time_lines.complete(self.ticket)  # also what failed kept its engine busy
        self._result = self._measured(before, after, mismatches)
        if is_busy:
            session.activity.dilation = self._result.dilation

    def abandon(self) -> None:
        self._session.time_lines.cancel(self.ticket)

    def run_now(self) -> TransferResult:
        """On the caller's thread, in no stream."""
        try:
            self.execute()
        except BaseException as error:
            self.abandon()
            self.finish(error)
            raise
        self.finish(None)
        return self.result()

    def _carry_out(self) -> Mismatches:
        session, command = self._session, self._command
        found = Mismatches()
        if command.moves_host_data or not session.is_paced:
            for offset in range(0, command.size_bytes, _PIECE_BYTES):
                if offset:
                    session.pulse()
                size = min(_PIECE_BYTES, command.size_bytes - offset)
                found += self._moved(offset, size) or Mismatches()
        if session.is_paced:
            session.wait_until(round(self.ticket.end_s * 1e9))
        return found

    def _moved(self, offset: int, size: int) -> Mismatches | None:
        command, total = self._command, self._command.size_bytes
        try:
            found = command.move(offset, size)
        except EccError as error:
            raise EccError(f"{command.name}: {error}", error.address) from error
        if command.rx_bytes or command.tx_bytes:
            self._session.card.count_pcie(size * command.rx_bytes // total, size * command.tx_bytes // total)
        return found

    def _measured(self, before: Pulse, after: Pulse, mismatches: Mismatches) -> TransferResult:
        device_s = self.ticket.device_s
        box_s = (after.box_ns - before.box_ns) * 1e-9
        if self._session.is_paced:
            box_s = max(box_s, device_s)
        dilation = box_s / device_s if device_s > 0.0 else 1.0
        return TransferResult(self._command.size_bytes, device_s, box_s, dilation, mismatches)


def launch_cost_of(cost: OperationCost, clock_ratio: float) -> LaunchCost:
    """One engine, busy from the start."""
    work = cost.work
    span = Span(0, work.engine, 0.0, cost.engine_seconds, cost.bound)
    return LaunchCost(
        cost.seconds, clock_ratio, cost.busy, work.flops, work.hbm_read_bytes, work.hbm_write_bytes, (span,)
    )
