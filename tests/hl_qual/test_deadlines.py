"""Patience with runners: wall time, counted from the right moment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hl_qual.deadlines import RunnerTimes, Timing, overdue, timing_for

TIMING = Timing(start_limit_s=10, silence_limit_s=20, margin_s=5, stop_grace_s=2)
STARTING = RunnerTimes(100.0, None, None, 100.0, None, None)
RUNNING = replace(STARTING, ready_at_s=101.0, started_at_s=102.0, last_message_at_s=102.0)


@pytest.mark.parametrize(
    ("times", "now_s", "code"),
    [
        (STARTING, 109.0, None),
        (STARTING, 111.0, "RUNNER_DEADLINE"),
        (replace(STARTING, ready_at_s=101.0), 1000.0, None),
        (RUNNING, 121.0, None),
        (RUNNING, 123.0, "RUNNER_SILENT"),
        (replace(RUNNING, last_message_at_s=130.0, planned_end_passed_at_s=128.0), 132.0, None),
        (replace(RUNNING, last_message_at_s=130.0, planned_end_passed_at_s=128.0), 134.0, "RUNNER_DEADLINE"),
        (replace(RUNNING, stopped_since_s=103.0), 104.0, None),
        (replace(RUNNING, stopped_since_s=103.0), 106.0, "RUNNER_STOPPED"),
    ],
)
def test_first_rule_that_applies_wins(times: RunnerTimes, now_s: float, code: str | None) -> None:
    finding = overdue(times, TIMING, now_s)
    assert (None if finding is None else finding.code) == code


def test_patience_grows_with_the_runners_on_a_cpu() -> None:
    assert timing_for(8, 2).margin_s > timing_for(1, 2).margin_s == timing_for(2, 2).margin_s
