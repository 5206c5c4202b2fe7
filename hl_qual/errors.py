"""Exit statuses of hl_qual, and its errors.

    QualError                  exit status
    |- UsageError              2   wrong arguments; names the word
    |- NotAvailableError       2   a test of the real tool that is not here yet
    |- NotExecutedError        3   the cards are absent, busy or not operational
    `- ProtocolError           5   a runner wrote something that is not a message

A message is one line for the user: what was found, what was expected, what to do.
"""

from __future__ import annotations

import enum

__all__ = ["ExitStatus", "NotAvailableError", "NotExecutedError", "ProtocolError", "QualError", "UsageError"]


class ExitStatus(enum.IntEnum):
    """What hl_qual tells its caller. Only 0 means that every card passed."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    NOT_EXECUTED = 3
    INTERRUPTED = 4
    INTERNAL = 5


class QualError(Exception):
    """Base of all errors of hl_qual; `str()` is one line for the user."""

    exit_status = ExitStatus.INTERNAL


class UsageError(QualError):
    """Wrong arguments. The message names the offending word."""

    exit_status = ExitStatus.USAGE


class NotAvailableError(QualError):
    """The arguments are right, but the test does not exist here yet."""

    exit_status = ExitStatus.USAGE


class NotExecutedError(QualError):
    """The test cannot start. `code` is a key of findings.CATALOGUE."""

    exit_status = ExitStatus.NOT_EXECUTED

    def __init__(self, code: str, message: str, bus_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.bus_id = bus_id


class ProtocolError(QualError):
    """A line on a result pipe that is no message."""
