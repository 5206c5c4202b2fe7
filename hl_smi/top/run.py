"""The loop of `top`: take a moment, draw it, listen to keys until the next one. Called by `cli`.

Without a terminal (a pipe, TERM=dumb) it prints plain frames instead: one, or as many as --count says.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from hl_smi.moment import Moment
from hl_smi.options import Options
from hl_smi.top.cards import chosen, query_cards
from hl_smi.top.draw import Frame, cards_on_screen, draw
from hl_smi.top.history import History
from hl_smi.top.keys import keys_of
from hl_smi.top.view import View, pressed

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hl_smi.top.cards import CardRow
    from hl_smi.top.terminal import Terminal

__all__ = ["run_top"]

_PLAIN_WIDTH = 120
_PLAIN_LINES_PER_CARD = 3


def run_top(options: Options, moment: Callable[[], Moment], write: Callable[[str], None], is_silent: bool) -> int:
    """Show `moment` again and again; the exit status. `write` takes the plain frames."""
    period_s = (options.loop_ms or 500) / 1000
    if is_silent or not _is_terminal():
        return _run_plain(options.count or 1, period_s, moment, write)
    from hl_smi.top.terminal import EndedBySignal, Terminal

    try:
        with Terminal() as terminal:
            _Top(terminal, moment, _is_ascii()).run(period_s, options.count)
    except EndedBySignal as ended:
        signal.signal(ended.number, signal.SIG_DFL)
        os.kill(os.getpid(), ended.number)
    except EOFError:
        pass
    return 0


def _is_terminal() -> bool:
    is_tty = sys.stdin is not None and sys.stdout is not None and sys.stdin.isatty() and sys.stdout.isatty()
    return is_tty and os.environ.get("TERM", "dumb") not in ("", "dumb")


def _is_ascii() -> bool:
    return "utf" not in (sys.stdout.encoding or "").lower()


def _run_plain(count: int, period_s: float, moment: Callable[[], Moment], write: Callable[[str], None]) -> int:
    history = History()
    for iteration in range(count):
        if iteration:
            time.sleep(period_s)
        now = moment()
        rows = query_cards(now.snapshots)
        history.add(rows)
        frame = Frame(_title(now), rows, rows, View(), is_ascii=True)
        height = _PLAIN_LINES_PER_CARD * len(rows) + 3
        # Without its last line, which tells the keys.
        lines = draw(frame, history, _PLAIN_WIDTH, height)[:-1]
        write("".join(f"{line.plain.rstrip()}\n" for line in lines))
    return 0


def _title(now: Moment) -> str:
    clock = now.clock(now.snapshots[0].box_time_ns).partition(".")[0]
    return f"{now.box.name} {now.box.box_type} (emulated) {clock}"


class _Top:
    """One session on a terminal."""

    def __init__(self, terminal: Terminal, moment: Callable[[], Moment], is_ascii: bool) -> None:
        self._terminal = terminal
        self._moment = moment
        self._is_ascii = is_ascii
        self._history = History()
        self._view = View()
        self._rows: tuple[CardRow, ...] = ()
        self._name = ""

    def run(self, period_s: float, count: int | None) -> None:
        """Until the user leaves, or `count` moments were shown."""
        shown = 0
        next_s = time.monotonic()
        while not self._view.is_over and shown != count:
            now = self._moment()
            self._rows = query_cards(now.snapshots)
            self._history.add(self._rows)
            self._name = _title(now)
            shown += 1
            next_s = max(next_s + period_s, time.monotonic())
            self._listen_until(next_s)

    def _listen_until(self, end_s: float) -> None:
        while not self._view.is_over:
            self._draw()
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                return
            for key in keys_of(self._terminal.wait(left_s)):
                self._press(key)

    def _press(self, key: str) -> None:
        found = chosen(self._rows, self._view.sort, self._view.wanted)
        page = cards_on_screen(len(found), self._terminal.size()[1])
        self._view = pressed(self._view, key, len(found), page)

    def _draw(self) -> None:
        width, height = self._terminal.size()
        found = chosen(self._rows, self._view.sort, self._view.wanted)
        last = max(len(found) - cards_on_screen(len(found), height), 0)
        self._view = replace(self._view, offset=min(self._view.offset, last))
        frame = Frame(self._name, self._rows, found, self._view, self._is_ascii)
        self._terminal.show(draw(frame, self._history, width, height))
