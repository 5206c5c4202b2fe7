"""A runner that goes wrong fails its own card, and only that one, and says how."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hl_qual.deadlines import Timing
from hl_qual.findings import DeviceId
from hl_qual.outcome import Verdict
from hl_qual.plugins.api import Job
from hl_qual.runner_manager import Hooks, RunnerManager, RunRecord

QUICK = Timing(start_limit_s=30, silence_limit_s=4, margin_s=1, stop_grace_s=0.3, kill_grace_s=0.5)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the job files go: the directory of the test."""
    monkeypatch.chdir(tmp_path)


def jobs(count: int, duration_s: float = 0.2) -> list[Job]:
    return [
        Job(
            "fake",
            "fake_plugins:Fake",
            "gaudi2",
            i,
            DeviceId(f"S{i}", f"0000:0{i}:00.0", i),
            duration_s,
            None,
            1,
            {},
            ".",
            {},
        )
        for i in range(count)
    ]


def run(work: list[Job], is_parallel: bool = True, timing: Timing = QUICK) -> list[RunRecord]:
    manager = RunnerManager(work, timing, Hooks(time.monotonic_ns, lambda: False))
    manager.run(is_parallel)
    return manager.runs


def codes(record: RunRecord) -> list[str]:
    assert record.outcome is not None
    return [finding.code for finding in record.outcome.findings]


@pytest.mark.parametrize(
    ("behaviour", "code", "text"),
    [
        ("crash", "RUNNER_SIGNAL", "SIGSEGV"),
        ("killed", "RUNNER_SIGNAL", "SIGKILL"),
        ("stop", "RUNNER_STOPPED", "SIGSTOP"),
        ("hang", "RUNNER_DEADLINE", "after the planned end"),
        ("exit", "RUNNER_EXIT", "status 7"),
        ("vanish", "RUNNER_NO_RESULT", "without a result"),
        ("init-exit", "RUNNER_EXIT", "status 3"),
        ("garbage", "RUNNER_PROTOCOL", "nonsense"),
        ("raise", "PLUGIN_ERROR", "this plugin is broken"),
        ("wrong", "MME_MISCOMPARE", "wrong"),
        ("unmeasured", "NO_MEASUREMENT", ""),
        ("unchecked", "NO_CHECK", "not checked"),
    ],
)
def test_bad_runner_fails_its_card_only(
    fake_plugins: Callable[..., None], behaviour: str, code: str, text: str
) -> None:
    fake_plugins(card0=behaviour)
    bad, good = run(jobs(2))
    assert codes(bad) == [code]
    assert bad.outcome is not None and good.outcome is not None
    assert bad.outcome.verdict is Verdict.FAILED
    assert text in bad.outcome.findings[0].message
    assert bad.outcome.findings[0].device == bad.job.device
    assert good.outcome.verdict is Verdict.PASSED
    assert any("Finish running plugin with" in line for line in bad.lines) or behaviour == "raise"


def test_a_runner_that_cannot_be_started_fails_its_card_only(fake_plugins: Callable[..., None]) -> None:
    bad, good = jobs(2)
    first, second = run([replace(bad, directory="/nowhere"), good])
    assert codes(first) == ["RUNNER_START"] and "No such file" in str(first.outcome)
    assert second.outcome is not None and second.outcome.verdict is Verdict.PASSED


def test_silence_is_noticed_before_the_planned_end(fake_plugins: Callable[..., None]) -> None:
    fake_plugins(card0="hang")
    (record,) = run(jobs(1, duration_s=1000))
    assert codes(record) == ["RUNNER_SILENT"]


def test_a_flood_of_output_is_drained_and_bounded(fake_plugins: Callable[..., None]) -> None:
    fake_plugins(card0="flood")
    (record,) = run(jobs(1))
    assert record.outcome is not None and record.outcome.verdict is Verdict.PASSED
    assert sum(len(line) for line in record.lines) <= 5 * 2**20


def test_serial_runs_do_not_overlap(fake_plugins: Callable[..., None]) -> None:
    first, second = run(jobs(2), is_parallel=False)
    assert first.ended is not None and second.spawned is not None
    assert first.ended <= second.spawned


def test_parallel_runs_start_together(fake_plugins: Callable[..., None]) -> None:
    first, second = run(jobs(2))
    assert first.started is not None and second.started is not None
    assert first.ended is not None and second.ended is not None
    assert max(first.started, second.started) < min(first.ended, second.ended)


def test_interrupt_ends_even_a_runner_that_ignores_sigterm(fake_plugins: Callable[..., None]) -> None:
    fake_plugins(card0="stubborn", card1="hang")
    started: list[int] = []
    hooks = Hooks(time.monotonic_ns, lambda: len(started) >= 2, started=started.append)
    manager = RunnerManager(jobs(3, duration_s=50), QUICK, hooks)
    begin_s = time.monotonic()
    manager.run(is_parallel=True)
    assert time.monotonic() - begin_s < 20
    assert all(codes(record) == ["INTERRUPTED"] for record in manager.runs)


def test_interrupt_leaves_cards_that_were_not_begun_unexecuted(fake_plugins: Callable[..., None]) -> None:
    ended: list[int] = []
    hooks = Hooks(time.monotonic_ns, lambda: bool(ended), ended=ended.append)
    manager = RunnerManager(jobs(2), QUICK, hooks)
    manager.run(is_parallel=False)
    verdicts = [record.outcome.verdict for record in manager.runs if record.outcome is not None]
    assert verdicts == [Verdict.PASSED, Verdict.NOT_EXECUTED]


def test_runner_is_named_and_has_the_family_among_its_arguments(fake_plugins: Callable[..., None]) -> None:
    from hl_qual import runner_manager

    fake_plugins(card0="hang")
    seen: list[tuple[str, str]] = []
    process: list[int] = []
    original = runner_manager.RunnerProcess

    class Watched(original):  # type: ignore[valid-type, misc]
        def _spawn(self, path: Path) -> int:
            process.append(super()._spawn(path))
            return process[0]

    def note(_position: int) -> None:
        base = Path(f"/proc/{process[0]}")
        seen.append((base.joinpath("comm").read_text().strip(), base.joinpath("cmdline").read_text()))

    manager = RunnerManager(jobs(1), QUICK, Hooks(time.monotonic_ns, lambda: bool(seen), started=note))
    runner_manager.RunnerProcess = Watched  # type: ignore[misc]
    try:
        manager.run(is_parallel=True)
    finally:
        runner_manager.RunnerProcess = original  # type: ignore[misc]
    comm, command = seen[0]
    assert comm == "runner"
    assert "gaudi2" in command and "hl_qual" in command
