"""The terminal of `top`: another screen, keys without Enter, and everything as before on the way out.

Only what changed is written, in one write between the marks of a synchronised update, so that nothing flickers.
Leaving is certain: normal end, error, SIGINT, SIGTERM, SIGHUP and SIGQUIT; Ctrl-Z gives the shell a sane terminal too.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Sequence
from types import FrameType, TracebackType

from rich.console import Console
from rich.text import Text

__all__ = ["EndedBySignal", "Terminal"]

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
_LEAVE = "\x1b[?25h\x1b[?1049l"
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_KEYS_AT_ONCE = 1024


class EndedBySignal(BaseException):
    """One of the ending signals came; no error, so that no handler of errors stops it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Terminal:
    """Use as a context; one at a time, from the main thread."""

    def __init__(self) -> None:
        self._input = sys.stdin.fileno()
        self._output = sys.stdout.fileno()
        self._before = termios.tcgetattr(self._input)
        self._handlers: dict[int, object] = {}
        self._shown: list[str] = []
        self._size = (0, 0)
        self._console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
        self._wake_reader, self._wake_writer = os.pipe()
        for end in (self._wake_reader, self._wake_writer):
            os.set_blocking(end, False)

    def __enter__(self) -> Terminal:
        self._handlers = {number: signal.getsignal(number) for number in (*_ENDING, signal.SIGWINCH, signal.SIGTSTP)}
        for number in _ENDING:
            signal.signal(number, self._end)
        signal.signal(signal.SIGWINCH, lambda *_: None)
        signal.signal(signal.SIGTSTP, self._stop)
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        self._take_screen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_screen_back()
        signal.set_wakeup_fd(-1)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        os.close(self._wake_reader)
        os.close(self._wake_writer)

    def size(self) -> tuple[int, int]:
        """Columns and lines of now."""
        columns, lines = os.get_terminal_size(self._output)
        return max(columns, 1), max(lines, 1)

    def show(self, lines: Sequence[Text]) -> None:
        """Bring the screen to `lines`; what is there already is not written again."""
        size = self.size()
        is_new = size != self._size
        drawn = [self._drawn(line, size[0]) for line in lines]
        changed = [
            f"\x1b[{row};1H{text}"
            for row, text in enumerate(drawn, start=1)
            if is_new or row > len(self._shown) or self._shown[row - 1] != text
        ]
        self._shown, self._size = drawn, size
        if changed:
            self._write(_BEGIN + ("\x1b[2J" if is_new else "") + "".join(changed) + _END)

    def wait(self, timeout_s: float) -> bytes:
        """What was typed; b"" after the time, and at once when the window changed. EOFError: the terminal is gone."""
        ready, _, _ = select.select([self._input, self._wake_reader], [], [], max(timeout_s, 0.0))
        if self._wake_reader in ready:
            os.read(self._wake_reader, _KEYS_AT_ONCE)
        if self._input not in ready:
            return b""
        typed = os.read(self._input, _KEYS_AT_ONCE)
        if not typed:
            raise EOFError
        return typed

    def _drawn(self, line: Text, columns: int) -> str:
        with self._console.capture() as capture:
            self._console.print(line, end="", no_wrap=True, overflow="crop", width=columns, soft_wrap=True)
        # Behind a full line the cursor waits on its last cell, which an erase would take away.
        return capture.get() + ("" if line.cell_len >= columns else "\x1b[K")

    def _take_screen(self) -> None:
        tty.setcbreak(self._input, termios.TCSADRAIN)
        self._size = (0, 0)
        self._write(_ENTER)

    def _give_screen_back(self) -> None:
        # Both fail if the terminal is gone, and nothing is left to restore then.
        with contextlib.suppress(OSError):
            self._write(_LEAVE)
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(self._input, termios.TCSADRAIN, self._before)

    def _write(self, text: str) -> None:
        data = text.encode(sys.stdout.encoding or "utf-8", "replace")
        while data:
            data = data[os.write(self._output, data) :]

    def _end(self, number: int, frame: FrameType | None) -> None:
        raise EndedBySignal(number)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._give_screen_back()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        # Here again after SIGCONT.
        signal.signal(signal.SIGTSTP, self._stop)
        self._take_screen()
