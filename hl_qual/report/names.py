"""File names of a report (contract C8, C9) and the echoed command line (C6). Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime

__all__ = ["command_line", "device_log_name", "report_stem"]

# Not strftime's %a and %b: those follow the locale, the real names do not.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def report_stem(host: str, moment: datetime) -> str:
    """<host>_hl_qual_report_<Day>_<Mon>_<d>_<HH-MM-SS>_<YYYY>; the day of the month is not padded."""
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{host}_hl_qual_report_{day}_{month}_{moment.day}_{moment:%H-%M-%S}_{moment.year:04d}"


def device_log_name(stem: str, bus_id: str) -> str:
    """Name of the log of one card: has the PCI domain in it, and does not end in .log."""
    return f"{stem}_{bus_id}.txt"


def command_line(words: Sequence[str]) -> str:
    """As the report echoes it: always ./hl_qual, arguments quoted for a shell, on one line."""
    return " ".join(["./hl_qual", *[_quoted(word) for word in words]])


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    escaped = word.encode("unicode_escape").decode("ascii").replace("'", "\\'")
    return f"$'{escaped}'"
