"""The whole text report out of its sections. Pure."""

from __future__ import annotations

from hl_qual.report.card import render_card
from hl_qual.report.closing import render_closing
from hl_qual.report.model import Ending, Report
from hl_qual.report.opening import render_opening

__all__ = ["render_file", "render_rest"]


def render_rest(ending: Ending, with_dmesg: bool, with_runner_lines: bool = True) -> str:
    """Everything after the opening."""
    lines: list[str] = []
    for card in ending.cards:
        lines += render_card(card, ending.is_passed, with_runner_lines)
    lines += render_closing(ending, with_dmesg)
    return "\n".join(lines) + "\n"


def render_file(report: Report) -> str:
    """Content of the report file: all of stdout, and the kernel log if asked for."""
    return "\n".join(render_opening(report.opening)) + "\n" + render_rest(report.ending, with_dmesg=True)
