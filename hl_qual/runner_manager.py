"""Runs the jobs: one process a card, serial or parallel, pipes drained all the time, nobody waits for ever.

A runner that crashes, hangs, is killed or stopped fails its own card, with the signal or the limit in the finding.
Called by `session`; the monitor reads `runs` for its progress bars. Box time comes in as a function.
"""

from __future__ import annotations

import selectors
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from hl_qual.deadlines import RunnerTimes, Timing, overdue
from hl_qual.errors import ProtocolError
from hl_qual.findings import Finding
from hl_qual.messages import Message, Progress, Ready, Result, Started
from hl_qual.outcome import Outcome, Verdict
from hl_qual.plugins.api import Job
from hl_qual.runner import timestamped
from hl_qual.runner_process import RunnerProcess, signal_name

__all__ = ["Hooks", "RunRecord", "RunnerManager"]

_TICK_S = 0.05


def _nothing(*_: object) -> None:
    """A hook that nobody uses."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the manager tells and asks. `started` and `ended` get the position of the job."""

    box_time_ns: Callable[[], int]
    is_interrupted: Callable[[], bool]
    started: Callable[[int], None] = _nothing
    ended: Callable[[int], None] = _nothing
    line: Callable[[int, str], None] = _nothing


@dataclass(slots=True)
class RunRecord:
    """The course of one job; written by the manager's thread, read by others for display."""

    job: Job
    outcome: Outcome | None = None
    lines: list[str] = field(default_factory=list)
    fraction: float = 0.0
    spawned: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    box_started_ns: int | None = None
    peak_rss_bytes: int = 0

    @property
    def state(self) -> str:
        """One word for the monitor."""
        if self.ended is not None:
            return "done"
        if self.started is not None:
            return "running"
        return "waiting" if self.spawned is None else "starting"


@dataclass(slots=True)
class _Live:
    """A runner that has not ended yet, and what is known about its times."""

    position: int
    process: RunnerProcess
    last_message_at_s: float
    ready_at_s: float | None = None
    started_at_s: float | None = None
    planned_end_passed_at_s: float | None = None
    result: Outcome | None = None
    reason: Finding | None = None

    def times(self) -> RunnerTimes:
        """For the rules in `deadlines`."""
        return RunnerTimes(
            spawned_at_s=self.process.spawned_at_s,
            ready_at_s=self.ready_at_s,
            started_at_s=self.started_at_s,
            last_message_at_s=self.last_message_at_s,
            planned_end_passed_at_s=self.planned_end_passed_at_s,
            stopped_since_s=self.process.stopped_since_s,
        )


class RunnerManager:
    """Owns the runners of one run of hl_qual. `runs` has one record a job, in the order of the jobs."""

    def __init__(self, jobs: Sequence[Job], timing: Timing, hooks: Hooks) -> None:
        self.runs = [RunRecord(job) for job in jobs]
        self._timing = timing
        self._hooks = hooks

    def run(self, is_parallel: bool) -> None:
        """Execute every job; afterwards each record has an outcome."""
        positions = list(range(len(self.runs)))
        batches = [positions] if is_parallel else [[position] for position in positions]
        for batch in batches:
            if self._hooks.is_interrupted():
                break
            self._run_batch(batch)
        for record in self.runs:
            if record.outcome is None:
                finding = Finding("INTERRUPTED", "interrupted before this card was tested")
                record.outcome = Outcome(Verdict.NOT_EXECUTED, (finding.on(record.job.device),))

    def _run_batch(self, batch: list[int]) -> None:
        live: list[_Live] = []
        is_gate_open = False
        try:
            for position in batch:
                started = self._spawn(position)
                live += [] if started is None else [started]
            while live:
                self._wait(live)
                self._step(live)
                if self._hooks.is_interrupted():
                    return
                if not is_gate_open and all(runner.ready_at_s is not None for runner in live):
                    is_gate_open = True
                    for runner in live:
                        runner.process.open_gate()
        finally:
            self._end_all(live)

    def _spawn(self, position: int) -> _Live | None:
        """None if the host cannot start it (no process, no space left): its card fails, the others go on."""
        record = self.runs[position]
        record.spawned = datetime.now()
        try:
            path = Path(record.job.directory) / f"job-{position}.json"
            path.write_text(record.job.to_json(), encoding="utf-8")
            process = RunnerProcess(record.job, path)
        except OSError as error:
            finding = Finding("RUNNER_START", f"the runner could not be started: {error.strerror or error}")
            record.outcome = Outcome(Verdict.FAILED, (finding.on(record.job.device),))
            record.ended = datetime.now()
            return None
        return _Live(position, process, last_message_at_s=time.monotonic())

    def _wait(self, live: list[_Live]) -> None:
        """Until a pipe has something, at most one tick. An end of file is readable too: sleep, do not spin."""
        with selectors.DefaultSelector() as selector:
            for runner in live:
                selector.register(runner.process.text_fd, selectors.EVENT_READ)
            before_s = time.monotonic()
            selector.select(_TICK_S)
            if time.monotonic() - before_s < _TICK_S / 5:
                time.sleep(_TICK_S / 5)

    def _step(self, live: list[_Live]) -> None:
        """Poll before reading: what an ended runner wrote is complete then."""
        box_now_ns = self._hooks.box_time_ns()
        for runner in list(live):
            runner.process.poll()
            has_ended = runner.process.has_ended
            self._read(runner)
            if has_ended:
                live.remove(runner)
                self._finish(runner)
            else:
                self._watch(runner, box_now_ns)

    def _read(self, runner: _Live) -> None:
        try:
            lines, messages = runner.process.read()
        except ProtocolError as error:
            runner.reason = runner.reason or Finding("RUNNER_PROTOCOL", str(error))
            runner.process.send_signal(signal.SIGKILL)
            return
        if lines or messages:
            runner.last_message_at_s = time.monotonic()
        for line in lines:
            self._hooks.line(runner.position, line)
        for message in messages:
            self._take(runner, message)

    def _take(self, runner: _Live, message: Message) -> None:
        record = self.runs[runner.position]
        match message:
            case Ready():
                runner.ready_at_s = time.monotonic()
            case Started(box_time_ns):
                runner.started_at_s = time.monotonic()
                record.started = datetime.now()
                record.box_started_ns = box_time_ns
                self._hooks.started(runner.position)
            case Progress(fraction):
                record.fraction = fraction
            case Result(outcome):
                runner.result = outcome

    def _watch(self, runner: _Live, box_now_ns: int) -> None:
        """End a runner that is overdue."""
        now_s = time.monotonic()
        started_ns = self.runs[runner.position].box_started_ns
        duration_ns = runner.process.job.duration_s * 1e9
        has_passed_end = started_ns is not None and box_now_ns >= started_ns + duration_ns
        if has_passed_end and runner.planned_end_passed_at_s is None:
            runner.planned_end_passed_at_s = now_s
        finding = overdue(runner.times(), self._timing, now_s)
        if finding is None or runner.reason is not None:
            return
        if finding.code == "RUNNER_STOPPED" and runner.process.stopped_by is not None:
            finding = replace(finding, message=f"{finding.message} by {signal_name(runner.process.stopped_by)}")
        runner.reason = finding
        runner.process.send_signal(signal.SIGKILL)

    def _finish(self, runner: _Live) -> None:
        """The process has ended: settle its outcome."""
        while self._has_more(runner):
            pass
        runner.process.close()
        record = self.runs[runner.position]
        record.lines = runner.process.lines
        if runner.process.dropped_lines:
            record.lines.append(f"({runner.process.dropped_lines} more lines dropped)")
        record.outcome = _outcome_of(runner)
        record.peak_rss_bytes = runner.process.peak_rss_bytes
        record.ended = datetime.now()
        record.fraction = 1.0
        if runner.result is None:
            text = f"Finish running plugin with status FAILED, {_ending(runner.process)}"
            record.lines.append(timestamped(record.ended, text))
        self._hooks.ended(runner.position)

    def _has_more(self, runner: _Live) -> bool:
        """Read once more; False when the pipes of the ended runner are empty."""
        before = len(runner.process.lines) + runner.process.dropped_lines
        self._read(runner)
        return len(runner.process.lines) + runner.process.dropped_lines > before

    def _end_all(self, live: list[_Live]) -> None:
        """SIGTERM, then SIGKILL, to runners that are still there (after an interrupt or an error)."""
        for runner in live:
            runner.reason = runner.reason or Finding("INTERRUPTED", "interrupted while this card was tested")
            runner.process.send_signal(signal.SIGTERM)
            runner.process.send_signal(signal.SIGCONT)
        deadline_s = time.monotonic() + self._timing.kill_grace_s
        while live and time.monotonic() < deadline_s:
            self._wait(live)
            self._step(live)
        for runner in live:
            runner.process.send_signal(signal.SIGKILL)
        while live:
            self._wait(live)
            self._step(live)


def _ending(process: RunnerProcess) -> str:
    if process.exit_signal is not None:
        return f"killed by {signal_name(process.exit_signal)}"
    return f"exit status {process.exit_code}"


def _outcome_of(runner: _Live) -> Outcome:
    """Fail closed: passed only with a passed result and a clean exit, and without a reason to end it."""
    process, device = runner.process, runner.process.job.device
    findings: list[Finding] = []
    if runner.reason is not None:
        findings.append(runner.reason)
    elif process.exit_signal is not None:
        name = signal_name(process.exit_signal)
        findings.append(Finding("RUNNER_SIGNAL", f"runner was ended by {name}", expected="exit status 0", actual=name))
    elif process.exit_code != 0:
        actual = f"exit status {process.exit_code}"
        findings.append(Finding("RUNNER_EXIT", f"runner ended with {actual}", expected="exit status 0", actual=actual))
    elif runner.result is None:
        findings.append(Finding("RUNNER_NO_RESULT", "runner ended without a result"))
    own = tuple(finding.on(device) for finding in findings)
    if runner.result is None:
        return Outcome(Verdict.FAILED, own)
    everything = tuple(finding.on(device) for finding in runner.result.findings) + own
    verdict = Verdict.FAILED if any(finding.fails_card for finding in own) else runner.result.verdict
    return replace(runner.result, verdict=verdict, findings=everything)
