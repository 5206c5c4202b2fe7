"""`hl-smi top` as a process on a terminal of its own: screen, keys, resizing, and the terminal it leaves behind."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "hl_smi", "top", "--loop-ms", "100"]
LEAVE = b"\x1b[?25h\x1b[?1049l"


class Session:
    """One run on a pseudo terminal."""

    def __init__(self, env: dict[str, str], columns: int = 80, lines: int = 24) -> None:
        self.master, self.slave = pty.openpty()
        self.resize(columns, lines)
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            COMMAND,
            env=env | {"TERM": "xterm-256color"},
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            process_group=0,  # in an orphaned group, as of tests in the background, nothing stops by SIGTSTP
        )
        self.seen = b""

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read_until(self, expected: bytes, deadline_s: float = 20.0) -> bytes:
        """What was written since the last call, up to and with `expected`."""
        end_s = time.monotonic() + deadline_s
        while expected not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(end_s - time.monotonic(), 0))
            assert ready, f"{expected!r} did not come; there is {self.seen[-2000:]!r}"
            self.seen += os.read(self.master, 65536)
        before, found, self.seen = self.seen.partition(expected)
        return before + found

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def session(box: Any) -> Iterator[Session]:
    session = Session(box.env)
    session.read_until(b"1-8 of 8")
    yield session
    session.close()


def plain(data: bytes) -> str:
    return re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", data).decode()


def test_q_ends_with_0_and_the_terminal_is_as_before(session: Session) -> None:
    assert termios.tcgetattr(session.slave) != session.before
    session.type(b"q")
    session.read_until(LEAVE)
    assert session.process.wait(timeout=20) == 0
    assert termios.tcgetattr(session.slave) == session.before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_signal_leaves_a_sane_terminal(session: Session, number: signal.Signals) -> None:
    session.process.send_signal(number)
    session.read_until(LEAVE)
    assert session.process.wait(timeout=20) == -number
    assert termios.tcgetattr(session.slave) == session.before


def test_box_that_is_taken_down_leaves_a_sane_terminal_and_one_line(session: Session, box: Any) -> None:
    from device.box_control import retire_box

    retire_box(box.path)
    session.read_until(LEAVE)
    assert session.process.wait(timeout=20) == 1
    assert "hl-smi: card 0 is gone" in plain(session.read_until(b"again"))
    assert termios.tcgetattr(session.slave) == session.before


def test_only_what_changed_is_written(session: Session) -> None:
    session.type(b"s")
    update = session.read_until(b"sort: module")
    assert b"\x1b[2J" not in update
    session.type(b"f")
    session.read_until(b"filter: _")
    session.type(b"m3\r")
    session.read_until(b"1-1 of 1")


def test_new_size_is_drawn_anew(session: Session) -> None:
    session.resize(120, 40)
    session.process.send_signal(signal.SIGWINCH)
    assert "name" in plain(session.read_until(b"mme   0%"))


def test_stopped_and_continued(session: Session) -> None:
    session.process.send_signal(signal.SIGTSTP)
    session.read_until(LEAVE)
    os.waitid(os.P_PID, session.process.pid, os.WSTOPPED)  # a SIGCONT before the stop would be lost
    assert termios.tcgetattr(session.slave) == session.before
    session.process.send_signal(signal.SIGCONT)
    session.read_until(b"1-8 of 8")
    session.type(b"q")
    assert session.process.wait(timeout=20) == 0


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_without_a_terminal_one_plain_frame(box: Any, term: str) -> None:
    result = subprocess.run(
        COMMAND, env=box.env | {"TERM": term}, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.isascii() and "\x1b" not in result.stdout
    assert len(re.findall(r"^ +\d m\d", result.stdout, re.MULTILINE)) == 8


def test_plain_frames_are_counted(box: Any) -> None:
    words = [*COMMAND, "--count", "3", "-i", "2"]
    result = subprocess.run(words, env=box.env, capture_output=True, text=True, check=False)
    assert result.stdout.count("hl-smi top") == 3
