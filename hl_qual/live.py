"""The live view: the monitor's rows as a table on a terminal, redrawn four times a second. The only user of rich.

Drawn by a thread of its own; it reads rows and never a card.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING

from hl_qual.monitor import MonitorRow

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["LiveView", "bar", "cells", "expected_end", "row_style"]

_PERIOD_S = 0.25
# With these widths the table fits 80 columns.
_BAR = 10
_CAPTION = "v throttled   ! outside the bounds of -mon_cfg   left in box time"
_COLUMNS = ("device", "state", "C", "W", "MHz", "util%", "ECC", "progress", "left")


def bar(fraction: float, width: int = _BAR) -> str:
    """A progress bar of plain characters with its percentage."""
    done = round(fraction * width)
    return f"{'#' * done}{'-' * (width - done)} {fraction * 100:3.0f}%"


def expected_end(remaining_s: float | None) -> str:
    """Time to the expected end in box time, h:mm:ss."""
    if remaining_s is None:
        return ""
    seconds = max(0, round(remaining_s))
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def cells(row: MonitorRow) -> tuple[str, ...]:
    """One row as texts; a value out of its bounds gets an exclamation mark, a throttled clock a "v"."""

    def shown(value: float | None, section: str) -> str:
        if value is None:
            return "N/A"
        return f"{value:.0f}{'!' if section in row.out_of_bounds else ''}"

    return (
        row.bus_id,
        row.state,
        shown(row.temp_c, "TEMP_MON"),
        shown(row.power_w, "POWER_MON"),
        shown(row.clock_mhz, "CLOCK_MON") + ("v" if row.is_throttled else ""),
        shown(row.utilization_percent, ""),
        f"{row.ecc_corrected}/{row.ecc_uncorrected}",
        bar(row.fraction),
        expected_end(row.remaining_s),
    )


def row_style(row: MonitorRow) -> str:
    """Red for what will fail the card or is out of its bounds, grey for a card that is not being tested."""
    if row.ecc_uncorrected or row.out_of_bounds or row.temp_c is None:
        return "red"
    return "" if row.state == "running" else "dim"


class LiveView(AbstractContextManager["LiveView"]):
    """Draws from entering to leaving, then removes what it drew."""

    def __init__(self, title: str, rows: Callable[[], Sequence[MonitorRow]]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._title = title
        self._rows = rows
        self._live = Live(console=Console(emoji=False), auto_refresh=False, transient=True)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="hl_qual-live", daemon=True)

    def __enter__(self) -> LiveView:
        self._live.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        with suppress(OSError):
            self._live.stop()

    def _loop(self) -> None:
        # A terminal that is closed ends the view, not the test.
        with suppress(OSError):
            while not self._stop.wait(_PERIOD_S):
                self._live.update(self._table(), refresh=True)

    def _table(self) -> Table:
        from rich.table import Table

        table = Table(title=self._title, caption=_CAPTION, box=None, pad_edge=False)
        for name in _COLUMNS:
            table.add_column(name, no_wrap=True)
        for row in self._rows():
            table.add_row(*cells(row), style=row_style(row))
        return table
