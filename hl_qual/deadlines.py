"""When a runner has taken too long. Pure: times in, finding out.

The test itself is measured in box time, patience in wall time: a box at rate 60 ends a test of 120 s after two wall
seconds, and a runner that is late then is late on the wall. So the margin counts from the wall moment at which the
box passed the planned end, whatever the rate did meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

from hl_qual.findings import Finding

__all__ = ["RunnerTimes", "Timing", "overdue", "timing_for"]


@dataclass(frozen=True, slots=True)
class Timing:
    """Wall seconds of patience with one runner.

    `start_limit_s` init phase; `silence_limit_s` without a message while it runs; `margin_s` after the planned end;
    `stop_grace_s` while stopped (Ctrl-Z of somebody); `kill_grace_s` between SIGTERM and SIGKILL.
    """

    start_limit_s: float
    silence_limit_s: float
    margin_s: float
    stop_grace_s: float = 5.0
    kill_grace_s: float = 2.0


def timing_for(runners: int, cpus: int) -> Timing:
    """Patience that grows with the number of runners that share a CPU."""
    share = max(1.0, runners / max(1, cpus))
    return Timing(start_limit_s=60 + 15 * share, silence_limit_s=30 + 10 * share, margin_s=20 + 10 * share)


@dataclass(frozen=True, slots=True)
class RunnerTimes:
    """Where one runner stands, in CLOCK_MONOTONIC seconds; None: has not happened."""

    spawned_at_s: float
    ready_at_s: float | None
    started_at_s: float | None
    last_message_at_s: float
    planned_end_passed_at_s: float | None
    stopped_since_s: float | None


def overdue(times: RunnerTimes, timing: Timing, now_s: float) -> Finding | None:
    """Why the runner has to be ended now, or None. The first rule that applies wins."""
    if times.stopped_since_s is not None:
        stopped_s = now_s - times.stopped_since_s
        return _late("RUNNER_STOPPED", "stopped", stopped_s, timing.stop_grace_s)
    if times.ready_at_s is None:
        return _late("RUNNER_DEADLINE", "in its init phase", now_s - times.spawned_at_s, timing.start_limit_s)
    if times.started_at_s is None:
        return None
    if times.planned_end_passed_at_s is not None:
        late_s = now_s - times.planned_end_passed_at_s
        finding = _late("RUNNER_DEADLINE", "running after the planned end", late_s, timing.margin_s)
        if finding is not None:
            return finding
    return _late("RUNNER_SILENT", "without a sign of life", now_s - times.last_message_at_s, timing.silence_limit_s)


def _late(code: str, what: str, actual_s: float, limit_s: float) -> Finding | None:
    if actual_s <= limit_s:
        return None
    message = f"runner was {what} for {actual_s:.1f} s of wall time"
    return Finding(code, message, actual=f"{actual_s:.1f} s", limit=f"{limit_s:.1f} s")
