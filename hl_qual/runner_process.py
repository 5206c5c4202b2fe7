"""One child process: start it with fresh pipes, read what it says, see how it ends. No policy; that is runner_manager.

fork + exec with nothing shared but the pipes. The child leads a process group of its own, so that Ctrl-C reaches
hl_qual alone, which then ends its runners in an orderly way.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import sys
import time
from pathlib import Path

from hl_qual.messages import Message, decode
from hl_qual.plugins.api import Job
from hl_qual.runner import GATE_FD, RESULT_FD

__all__ = ["RunnerProcess", "signal_name"]

_CHUNK = 65536
# Read by device.runtime; a value of the user wins.
_THREADS = "GAUDI_HOST_THREADS"
# What is kept of the text of one runner; the rest is counted.
_TEXT_LIMIT = 4 * 2**20


def _share_of_cpus(runners: int) -> int:
    """Threads for the kernels of one runner: all together two a processor, so that one is there while others wait."""
    return max(1, 2 * len(os.sched_getaffinity(0)) // max(1, runners))


def signal_name(number: int) -> str:
    """SIGKILL for 9; "signal 99" for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _pipe() -> tuple[int, int]:
    """A pipe whose ends lie above the descriptors that the child's dup2 calls overwrite."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


class RunnerProcess:
    """A runner as its manager sees it. Times are CLOCK_MONOTONIC seconds.

    Owned by one thread. Ends with `close`, after `poll` has seen the exit.
    """

    def __init__(self, job: Job, job_path: Path) -> None:
        self.job = job
        self.lines: list[str] = []
        self.dropped_lines = 0
        self.exit_code: int | None = None
        self.exit_signal: int | None = None
        self.stopped_by: int | None = None
        self.stopped_since_s: float | None = None
        self.spawned_at_s = time.monotonic()
        self.peak_rss_bytes = 0
        self._text = b""
        self._messages = b""
        self._kept_bytes = 0
        self.pid = self._spawn(job_path)

    def _spawn(self, job_path: Path) -> int:
        gate_r, self._gate_w = _pipe()
        self.text_fd, text_w = _pipe()
        self.result_fd, result_w = _pipe()
        for fd in (self.text_fd, self.result_fd):
            os.set_blocking(fd, False)
        words = ["-P", "-m", "hl_qual.runner", f"-{self.job.family}", self.job.device.bus_id, str(job_path)]
        try:
            return os.posix_spawn(
                sys.executable,
                [sys.executable, *words, str(os.getpid())],
                {_THREADS: str(_share_of_cpus(self.job.ranks)), **os.environ, "PYTHONUNBUFFERED": "1"},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, gate_r, GATE_FD),
                    (os.POSIX_SPAWN_DUP2, text_w, 1),
                    (os.POSIX_SPAWN_DUP2, text_w, 2),
                    (os.POSIX_SPAWN_DUP2, result_w, RESULT_FD),
                ],
                setpgroup=0,
                setsigmask=(),
                setsigdef=(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE),
            )
        finally:
            for fd in (gate_r, text_w, result_w):
                os.close(fd)

    @property
    def has_ended(self) -> bool:
        """True once the exit status has been collected."""
        return self.exit_code is not None or self.exit_signal is not None

    def open_gate(self) -> None:
        """Let the run phase begin; a runner that died meanwhile is found by `poll`."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._gate_w, b"g")

    def read(self) -> tuple[list[str], list[Message]]:
        """New lines and messages since the last call, without waiting. ProtocolError for a bad message."""
        text = self._text + _drain(self.text_fd)
        *whole, self._text = text.split(b"\n")
        if len(self._text) > _CHUNK:
            whole.append(self._text)
            self._text = b""
        lines = [self._keep(line) for line in whole]
        data = self._messages + _drain(self.result_fd)
        *records, self._messages = data.split(b"\n")
        return lines, [decode(record) for record in records]

    def _keep(self, raw: bytes) -> str:
        line = _printable(raw.decode(errors="replace"))
        if self._kept_bytes < _TEXT_LIMIT:
            self._kept_bytes += len(raw)
            self.lines.append(line)
        else:
            self.dropped_lines += 1
        return line

    def poll(self) -> None:
        """Collect a change of state: exit, stop, continue."""
        while not self.has_ended:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            if pid == 0:
                return
            self.peak_rss_bytes = max(self.peak_rss_bytes, usage.ru_maxrss * 1024)
            if os.WIFSTOPPED(status):
                self.stopped_by = os.WSTOPSIG(status)
                self.stopped_since_s = time.monotonic()
            elif os.WIFCONTINUED(status):
                self.stopped_since_s = None
            elif os.WIFSIGNALED(status):
                self.exit_signal = os.WTERMSIG(status)
            else:
                self.exit_code = os.WEXITSTATUS(status)

    def send_signal(self, number: int) -> None:
        """Signal this process, unless its pid has been given back already."""
        if not self.has_ended:
            os.kill(self.pid, number)

    def close(self) -> None:
        """Close the pipes; an unfinished last line is kept."""
        if self._text:
            self._keep(self._text)
            self._text = b""
        for fd in (self._gate_w, self.text_fd, self.result_fd):
            os.close(fd)


def _drain(fd: int) -> bytes:
    """Everything that lies in a non-blocking pipe now, at most 1 MiB (a flood must not starve the others)."""
    chunks: list[bytes] = []
    for _ in range(16):
        try:
            chunk = os.read(fd, _CHUNK)
        except OSError as error:
            if error.errno == errno.EAGAIN:
                break
            raise
        if not chunk:
            break
        chunks.append(chunk)
    return b"".join(chunks)


def _printable(text: str) -> str:
    """Without control characters: nothing that a runner prints can move the cursor."""
    return "".join(char if char.isprintable() or char == "\t" else "?" for char in text.rstrip("\r"))
