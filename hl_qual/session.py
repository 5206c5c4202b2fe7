"""One run from the opening of the report to its last line: look, prepare, run, judge.

Called by `cli` with everything from outside in a `Setting`; tests bring a machine and streams of their own. What is
decided is decided in pure modules; here is the order in which they are asked.
"""

from __future__ import annotations

import os
import resource
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from hl_qual.argv import Options
from hl_qual.deadlines import Timing, timing_for
from hl_qual.errors import ExitStatus, NotExecutedError
from hl_qual.findings import Finding
from hl_qual.homogeneity import compared, with_same_firmware
from hl_qual.limits import Limits
from hl_qual.machine import Machine
from hl_qual.monitor import CardProgress, MonitorRow, Sampler
from hl_qual.monitor_ini import Bounds
from hl_qual.operational import device_id
from hl_qual.outcome import Outcome, Verdict
from hl_qual.plan import JobFacts, jobs_for
from hl_qual.plugins.api import HasRounds, Job, Plugin, Preparation
from hl_qual.ports import with_ports
from hl_qual.report.lines import defused
from hl_qual.report.model import CardReport, Ending, Report
from hl_qual.report.opening import render_opening
from hl_qual.report.text import render_rest
from hl_qual.runner_manager import Hooks, RunnerManager, RunRecord
from hl_qual.scene import Scene, empty_scene, look
from hl_qual.scratch import scratch_directory
from hl_qual.telemetry import Rules, Telemetry
from hl_qual.verdict import exit_status, with_telemetry
from hlml.types import DeviceSnapshot

__all__ = ["Setting", "run_session"]

_SAMPLE_PERIOD_S = 0.25
_NO_DMESG = ("no test was executed, so there is no test period",)
_SILENT = ("the driver wrote nothing during the test",)


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything a run needs from outside. `limits_of` gives the limits of a family's card, user's values included."""

    options: Options
    plugin: Plugin
    reference: str
    limits_of: Callable[[str, str], Limits]
    bounds: Bounds
    seed: int
    machine: Callable[[], Machine]
    write: Callable[[str], None]
    is_interrupted: Callable[[], bool]
    host: str
    is_terminal: bool
    timing: Timing | None = None


def run_session(setting: Setting) -> Report:
    """Run, print to stdout as things happen, and return the report for the file. UsageError before any output."""
    options = setting.options
    try:
        machine = setting.machine()
        scene = look(options, machine, setting.limits_of)
    except NotExecutedError as error:
        scene = empty_scene(options, setting.host, error)
    setting.write("\n".join(render_opening(scene.opening)) + "\n")
    try:
        ending = _not_executed(options, scene, scene.problems) if scene.problems else _test(setting, machine, scene)
    except Exception as error:
        # The opening is out: a report without a verdict would leave its readers guessing.
        ending = _internal_error(options, scene, error)
    setting.write(render_rest(ending, with_dmesg=False, with_runner_lines=not options.is_output_immediate))
    return Report(scene.opening, ending)


def _not_executed(options: Options, scene: Scene, problems: Sequence[Finding]) -> Ending:
    """No card was tested; a card's own problems stand with the card, the others with the run."""
    cards = []
    for card in scene.chosen:
        own = tuple(p for p in problems if p.device is not None and p.device.bus_id == card.pci.bus_id)
        outcome = Outcome(Verdict.NOT_EXECUTED, own)
        cards.append(CardReport(device_id(card), card.name, card.pcb_version, outcome))
    findings = tuple(problem for problem in problems if problem.device is None)
    is_interrupted = any(problem.code == "INTERRUPTED" for problem in problems)
    return Ending(
        cards=tuple(cards),
        exit_status=exit_status(cards, findings, is_interrupted),
        ended=datetime.now(),
        findings=findings,
        dmesg=_NO_DMESG if options.is_dmesg_wanted else None,
    )


def _internal_error(options: Options, scene: Scene, error: Exception) -> Ending:
    """A mistake of ours fails the run and says where it happened."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    message = f"{type(error).__name__}: {error} ({Path(frame.filename).name} line {frame.lineno})"
    return replace(_not_executed(options, scene, [Finding("INTERNAL", message)]), exit_status=ExitStatus.INTERNAL)


def _test(setting: Setting, machine: Machine, scene: Scene) -> Ending:
    with ExitStack() as stack:
        try:
            directory = stack.enter_context(scratch_directory())
        except OSError as error:
            finding = Finding("PREPARATION", f"there is no place for temporary files: {error}")
            return _not_executed(setting.options, scene, [finding])
        try:
            notes = _prepare(setting, scene, directory)
        except Exception as error:
            finding = Finding("PREPARATION", f"{type(error).__name__}: {error}")
            return _not_executed(setting.options, scene, [finding])
        if setting.is_interrupted():
            finding = Finding("INTERRUPTED", "interrupted before any card was tested")
            return _not_executed(setting.options, scene, [finding])
        jobs = jobs_for(setting.options, scene.chosen, _facts(setting, scene, directory))
        records, sampler = _run(setting, machine, scene, jobs)
    log = _kernel_log(machine, scene) if setting.options.is_dmesg_wanted else None
    return _ending(setting, scene, _Run(jobs, records, sampler, notes, log))


def _plugin_limits(setting: Setting, scene: Scene) -> dict[str, dict[str, float]]:
    """Plain numbers by the name of the card."""
    limits = scene.limits_of_test(setting.options.plugin_name)
    return {card: {name: limit.value for name, limit in section.items()} for card, section in limits.items()}


def _prepare(setting: Setting, scene: Scene, directory: Path) -> tuple[str, ...]:
    preparation = Preparation(
        directory=directory,
        family=scene.family or "",
        seed=setting.seed,
        limits=_plugin_limits(setting, scene)[scene.chosen[0].name],
        is_cancelled=setting.is_interrupted,
        switches=dict(setting.options.own),
        duration_s=setting.options.duration_s,
    )
    return setting.plugin.prepare(preparation)


def _facts(setting: Setting, scene: Scene, directory: Path) -> JobFacts:
    return JobFacts(
        family=scene.family or "",
        reference=setting.reference,
        default_duration_s=setting.plugin.default_duration_s,
        seed=setting.seed,
        limits=_plugin_limits(setting, scene),
        directory=str(directory),
        rounds=_rounds(setting),
    )


def _rounds(setting: Setting) -> int:
    """How often the duration of the test passes."""
    options = setting.options
    if isinstance(setting.plugin, HasRounds):
        return setting.plugin.rounds(dict(options.own), options.iterations)
    return options.iterations or 1


def _run(setting: Setting, machine: Machine, scene: Scene, jobs: list[Job]) -> tuple[list[RunRecord], Sampler]:
    reads = [partial(machine.snapshot, card.index) for card in scene.chosen]
    sampler = Sampler(reads, scene.chosen, _SAMPLE_PERIOD_S, setting.bounds)
    if setting.options.sensors_period_s is not None:
        sampler.print_sensors_every(setting.options.sensors_period_s)
    hooks = Hooks(
        box_time_ns=sampler.box_time_ns,
        is_interrupted=setting.is_interrupted,
        started=sampler.begin,
        ended=sampler.end,
        line=partial(_print_line, setting),
    )
    parallel = len(jobs) if setting.options.is_parallel else 1
    manager = RunnerManager(jobs, setting.timing or timing_for(parallel, os.cpu_count() or 1), hooks)
    sampler.start()
    try:
        with _live_view(setting, lambda: sampler.rows(_progress(manager.runs, sampler.box_time_ns()))):
            manager.run(setting.options.is_parallel)
    finally:
        sampler.stop()
    return manager.runs, sampler


def _print_line(setting: Setting, _position: int, line: str) -> None:
    """-disable_pipe_red: a runner's line at once instead of in the report."""
    if setting.options.is_output_immediate:
        setting.write(defused(line, is_passed=False) + "\n")


def _live_view(setting: Setting, rows: Callable[[], Sequence[MonitorRow]]) -> AbstractContextManager[object]:
    options = setting.options
    if not options.is_monitor_drawn or not setting.is_terminal or options.is_output_immediate:
        return nullcontext()
    from hl_qual.live import LiveView

    return LiveView(f"hl_qual {options.plugin_name} (emulated devices)", rows)


def _progress(records: Sequence[RunRecord], box_now_ns: int) -> list[CardProgress]:
    """For the live view: the share of work done, and the time that is left of the planned duration."""
    steps = []
    for record in records:
        remaining_s = None
        if record.box_started_ns is not None and record.ended is None:
            remaining_s = record.job.duration_s - (box_now_ns - record.box_started_ns) / 1e9
        steps.append(CardProgress(record.state, record.fraction, remaining_s))
    return steps


@dataclass(frozen=True, slots=True)
class _Run:
    jobs: list[Job]
    records: list[RunRecord]
    sampler: Sampler
    notes: tuple[str, ...]
    kernel_log: tuple[str, ...] | None


def _kernel_log(machine: Machine, scene: Scene) -> tuple[str, ...]:
    """What the driver wrote since the cards were looked at."""
    begin_ns = min(card.box_time_ns for card in scene.chosen)
    return machine.kernel_log(begin_ns) or _SILENT


def _ending(setting: Setting, scene: Scene, run: _Run) -> Ending:
    options = setting.options
    rules = _rules(options)
    watched = zip(run.sampler.telemetry(), run.sampler.histories(), strict=True)
    single = [
        replace(_card_report(card, record, telemetry, rules), history=history)
        for card, record, (telemetry, history) in zip(scene.chosen, run.records, watched, strict=True)
    ]
    limits = scene.limits_of_test(options.plugin_name)
    cards, comparisons = compared(with_same_firmware(single, scene.chosen), limits)
    return Ending(
        cards=cards,
        exit_status=exit_status(cards, (), setting.is_interrupted()),
        ended=datetime.now(),
        duration_s=run.jobs[0].duration_s,
        limits=limits,
        preparation=run.notes,
        findings=_interruption(setting, cards),
        comparisons=comparisons,
        sensor_lines=tuple(run.sampler.sensor_lines()),
        peak_rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        dmesg=run.kernel_log,
    )


def _rules(options: Options) -> Rules:
    own = dict(options.own)
    generation, lanes = own.get("-gen"), own.get("-lanes")
    return Rules(
        do_corrected_errors_fail=options.do_corrected_errors_fail,
        is_aer_ignored=options.is_aer_ignored,
        pcie_generation=int(generation.removeprefix("gen")) if generation else None,
        pcie_lanes=int(lanes) if lanes else None,
    )


def _interruption(setting: Setting, cards: Sequence[CardReport]) -> tuple[Finding, ...]:
    """An interrupted run does not pass, even if the signal came after the last card had."""
    if not setting.is_interrupted():
        return ()
    done = sum(card.ended is not None and card.is_passed for card in cards)
    return (Finding("INTERRUPTED", f"the run was interrupted; {done} of {len(cards)} cards had passed"),)


def _card_report(card: DeviceSnapshot, record: RunRecord, telemetry: Telemetry, rules: Rules) -> CardReport:
    outcome = record.outcome or Outcome(Verdict.FAILED, (Finding("RUNNER_NO_RESULT", "no outcome"),))
    has_run = record.started is not None
    if has_run:
        outcome = with_telemetry(outcome, telemetry, record.job.device, rules)
        outcome = with_ports(outcome, telemetry, record.job)
    return CardReport(
        device=record.job.device,
        name=card.name,
        pcb_version=card.pcb_version,
        outcome=outcome,
        telemetry=telemetry if has_run else None,
        lines=tuple(record.lines),
        started=record.started or record.spawned,
        ended=record.ended,
        peak_rss_bytes=record.peak_rss_bytes,
    )
