"""Errors of hl-smi and their exit statuses; the text of each is one line that says what to do.

    HlSmiError                  1
      RunError                  1   the box, a card or the output failed
      UsageError                1   the command line; the reference has one status for all that fails

`argv` and `pages` raise them, `cli` prints them. Errors of hlml become a RunError in `cli`.
"""

from __future__ import annotations

__all__ = ["HlSmiError", "RunError", "UsageError"]


class HlSmiError(Exception):
    """Root; the program ends with `exit_status`."""

    exit_status = 1


class RunError(HlSmiError):
    """The command line was right, and the answer could not be had."""


class UsageError(HlSmiError):
    """A word on the command line that does not fit."""

    exit_status = 1
