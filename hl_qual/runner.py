"""The process that tests one card: `python -m hl_qual.runner -<family> <bus id> <job file> <parent pid>`.

Started by runner_manager with a fresh image. Descriptors: 0 is the start gate (one byte means go, end of file means
that hl_qual is gone), 1 and 2 are the message pipe, 3 is the result pipe. Whatever goes wrong in here becomes a
failed outcome of this card; a crash says nothing and is found out by the manager.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hl_qual.findings import Finding
from hl_qual.messages import Message, Progress, Ready, Result, Started, encode
from hl_qual.outcome import Outcome, Verdict
from hl_qual.plugins import load
from hl_qual.plugins.api import Job, Plugin, RunContext, job_from_json
from hl_qual.process_name import die_with_parent, set_process_name

if TYPE_CHECKING:
    from device.runtime import Card

__all__ = ["GATE_FD", "RESULT_FD", "main", "timestamped"]

GATE_FD = 0
RESULT_FD = 3
_PROGRESS_PERIOD_S = 0.25


def timestamped(moment: datetime, text: str) -> str:
    """A lifecycle line: time in brackets at column 0, no other brackets (contract C7)."""
    return f"[{moment:%H:%M:%S.%f}]{text}"


def main(argv: list[str] | None = None) -> int:
    """Run one job; the exit status only says whether the runner itself worked."""
    _family, _bus_id, job_path, parent_pid = sys.argv[1:] if argv is None else argv
    set_process_name("runner")
    die_with_parent(int(parent_pid))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    job = job_from_json(Path(job_path).read_text(encoding="utf-8"))
    outcome = _execute(job)
    for finding in outcome.findings:
        print(f"{finding.severity.value} {finding.code}: {finding.message}")
    shown = Verdict.PASSED if outcome.verdict is Verdict.PASSED else Verdict.FAILED
    print(timestamped(datetime.now(), f"Finish running plugin with status {shown.value}"), flush=True)
    _send(Result(outcome))
    return 0


def _send(message: Message) -> None:
    data = encode(message)
    while data:
        data = data[os.write(RESULT_FD, data) :]


def _execute(job: Job) -> Outcome:
    """Config, init, run; every exception becomes a finding."""
    try:
        plugin = load(job.reference)
        print(timestamped(datetime.now(), "Starting config function"))
        with _acquired(plugin, job) as card:
            return _run(plugin, job, card)
    except Exception as error:
        finding = _finding_of(error)
        if finding.code == "PLUGIN_ERROR":
            traceback.print_exc()
        is_busy = finding.code == "DEVICE_BUSY"
        return Outcome(Verdict.NOT_EXECUTED if is_busy else Verdict.FAILED, (finding.on(job.device),))


@contextmanager
def _acquired(plugin: Plugin, job: Job) -> Iterator[Card | None]:
    if not plugin.needs_card:
        yield None
        return
    from device.runtime import Card

    with Card.acquire(job.device_index) as card:
        yield card


def _run(plugin: Plugin, job: Job, card: Card | None) -> Outcome:
    clock = time.monotonic_ns if card is None else card.box_time_ns
    ctx = RunContext(job, card, log=_log, progress=_ProgressLine(), box_time_ns=clock)
    plugin.init(ctx)
    _send(Ready())
    if os.read(GATE_FD, 1) == b"":
        os._exit(1)
    _send(Started(clock()))
    print(timestamped(datetime.now(), f"Start running plugin {job.plugin}"))
    return plugin.run(ctx)


def _log(text: str) -> None:
    print(text, flush=True)


class _ProgressLine:
    """Sends progress, at most one message a quarter of a second of wall time."""

    def __init__(self) -> None:
        self._sent_at_s = float("-inf")

    def __call__(self, fraction: float) -> None:
        now_s = time.monotonic()
        if now_s - self._sent_at_s >= _PROGRESS_PERIOD_S:
            self._sent_at_s = now_s
            _send(Progress(min(max(fraction, 0.0), 1.0)))


def _finding_of(error: Exception) -> Finding:
    """Translate once: errors of the device into codes, everything else into PLUGIN_ERROR."""
    text = str(error) or type(error).__name__
    if isinstance(error, MemoryError):
        return Finding("ALLOCATION", f"host memory: {text}")
    try:
        from device import errors
    except ImportError:
        return Finding("PLUGIN_ERROR", f"{type(error).__name__}: {text}")
    codes = {
        errors.CardBusyError: "DEVICE_BUSY",
        errors.OutOfDeviceMemoryError: "ALLOCATION",
        errors.DeviceResetError: "DEVICE_RESET",
        errors.CardLostError: "DEVICE_LOST",
        errors.EccError: "ECC_UNCORRECTED",
    }
    if isinstance(error, errors.EccError):
        return Finding("ECC_UNCORRECTED", text, engine="HBM", address=f"0x{error.address:x}")
    if isinstance(error, errors.DeviceError):
        return Finding(codes.get(type(error), "DEVICE_ERROR"), text)
    return Finding("PLUGIN_ERROR", f"{type(error).__name__}: {text}")


if __name__ == "__main__":
    sys.exit(main())
