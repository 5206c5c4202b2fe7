"""Small pieces of text that several sections share. Pure."""

from __future__ import annotations

import re
from datetime import datetime

from hl_qual.findings import Finding
from hl_qual.telemetry import Statistic

__all__ = ["banner", "defused", "finding_lines", "long_time", "spread"]

_WIDTH = 74
_CONTRACT = re.compile(r"hl qual report|Test result summary|result: FAILED|^./hl_qual", re.IGNORECASE)


def banner(title: str) -> str:
    """The heading of a sub-report."""
    return f"{'=' * 22} {title} ".ljust(_WIDTH, "=")


def long_time(moment: datetime | None) -> str:
    """As ctime has it, in the C locale."""
    return "not started" if moment is None else moment.ctime()


def spread(values: Statistic, width: int) -> str:
    """Minimum / mean / maximum in whole units, N/A for what was not measured."""
    numbers = (values.minimum, values.mean, values.maximum)
    texts = ["N/A" if number is None else f"{number:.0f}" for number in numbers]
    return " / ".join(text.rjust(width) for text in texts)


def finding_lines(finding: Finding) -> list[str]:
    """A finding for people: one line of what, one of the figures, one of what to do."""
    where = ""
    if finding.device is not None:
        where = f" device {finding.device.bus_id} serial {finding.device.serial} module {finding.device.module_id}"
    places = (("engine", finding.engine), ("port", finding.port), ("address", finding.address))
    where += "".join(f" {name} {place}" for name, place in places if place is not None)
    figures = [
        f"{name} {text}"
        for name, text in (("expected", finding.expected), ("actual", finding.actual), ("limit", finding.limit))
        if text is not None
    ]
    lines = [f"{finding.severity.value} {finding.code}{where}", f"  {finding.message}"]
    if figures:
        lines.append(f"  {', '.join(figures)}")
    return [*lines, f"  action - {finding.action}"]


def defused(line: str, is_passed: bool) -> str:
    """A line of a runner that cannot be mistaken for a line of the report.

    What consumers search for (see the contract) is only ours to print; on a passing run that includes FAILED.
    """
    if _CONTRACT.search(line):
        line = "| " + _CONTRACT.sub(lambda match: match.group().replace(" ", "_"), line)
    return line.replace("FAILED", "failed") if is_passed else line
