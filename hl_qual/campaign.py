"""Several tests in a row: a plan, a repeated test, a soak that survives kill -9. Each step has a report of its own.

A card passes the campaign if it passed every step. Steps that are done stand in the checkpoint file; resuming begins
with the step that was running. Called by `cli`, which hands in how a step is run.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from hl_qual.argv import HelpRequest, Options, parse
from hl_qual.checkpoint import CardStep, Checkpoint, StepResult, load_checkpoint, save_checkpoint
from hl_qual.errors import ExitStatus, NotExecutedError, UsageError
from hl_qual.findings import Finding
from hl_qual.limits import Limits
from hl_qual.machine import Machine
from hl_qual.operational import device_id
from hl_qual.outcome import Outcome, Verdict
from hl_qual.plans import Plan
from hl_qual.report.model import CardReport, Ending, Report
from hl_qual.report.opening import render_opening
from hl_qual.report.text import render_rest
from hl_qual.scene import Scene, empty_scene, look
from hlml.types import DeviceSnapshot

__all__ = ["CampaignSetting", "Step", "run_campaign", "steps_of"]

_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Step:
    """One run: what it is called in reports, and its options."""

    command: str
    options: Options


@dataclass(frozen=True, slots=True)
class CampaignSetting:
    """Everything from outside. `run_step` runs a step with a seed and writes its report, whose name it gives."""

    options: Options
    steps: tuple[Step, ...]
    settle_s: float
    seed: int
    machine: Callable[[], Machine]
    limits_of: Callable[[str, str], Limits]
    run_step: Callable[[Step, int], tuple[Report, str | None]]
    write: Callable[[str], None]
    is_interrupted: Callable[[], bool]
    host: str


def steps_of(options: Options, plan: Plan | None, tests: Sequence[str]) -> tuple[Step, ...]:
    """The steps of a command line. UsageError for a test of the plan that is no command line."""
    if plan is not None:
        single = [_planned(options, words, plan.name, tests) for words in plan.tests]
    elif options.iterations is not None and options.iterations > 1:
        once = replace(options, iterations=1)
        single = [Step(f"{options.plugin_name}, iteration", once)] * options.iterations
    else:
        single = [Step(options.plugin_name, options)]
    return tuple(single * options.repeat)


def _planned(options: Options, words: Sequence[str], plan: str, tests: Sequence[str]) -> Step:
    """The test of the plan with the cards and the common switches of the command line."""
    command = " ".join(words)
    common = [] if "-c" in words else ["-c", "all"]
    common += [] if "-rmod" in words else ["-rmod", "parallel" if options.is_parallel else "serial"]
    try:
        found = parse([*words, *common], tests)
    except UsageError as error:
        raise UsageError(f"plan {plan}: {command!r}: {error}") from error
    if isinstance(found, HelpRequest) or found.is_campaign:
        raise UsageError(f"plan {plan}: {command!r} is not a single test")
    return Step(
        command,
        replace(
            found,
            family=found.family or options.family,
            devices=found.devices if "-c" in words else options.devices,
            is_monitor_drawn=options.is_monitor_drawn,
            monitor_ini=found.monitor_ini or options.monitor_ini,
            plugin_ini=found.plugin_ini or options.plugin_ini,
            do_corrected_errors_fail=found.do_corrected_errors_fail or options.do_corrected_errors_fail,
            is_dmesg_wanted=found.is_dmesg_wanted or options.is_dmesg_wanted,
            is_aer_ignored=found.is_aer_ignored or options.is_aer_ignored,
        ),
    )


def run_campaign(setting: CampaignSetting) -> Report:
    """All steps that are not done yet, then one report about all. UsageError before any output."""
    options = setting.options
    path = Path(options.resume or options.checkpoint or "") if options.resume or options.checkpoint else None
    commands = tuple(step.command for step in setting.steps)
    state = Checkpoint(setting.seed, commands)
    if options.resume is not None and path is not None:
        state = load_checkpoint(path, commands)
    try:
        machine = setting.machine()
        scene = look(options, machine, setting.limits_of)
    except NotExecutedError as error:
        scene = empty_scene(options, setting.host, error)
    setting.write("\n".join(render_opening(scene.opening)) + "\n")
    if scene.problems:
        ending = _ending(setting, scene, state, scene.problems)
    else:
        if state.done:
            setting.write(f"resumed after step {len(state.done)} of {len(setting.steps)}\n")
        state, trouble = _run_steps(setting, machine, state, path)
        ending = _ending(setting, scene, state, trouble)
    setting.write(render_rest(ending, with_dmesg=False))
    return Report(scene.opening, ending)


def _run_steps(
    setting: CampaignSetting, machine: Machine, state: Checkpoint, path: Path | None
) -> tuple[Checkpoint, list[Finding]]:
    trouble: list[Finding] = []
    for number in range(len(state.done), len(setting.steps)):
        if number > len(state.done) or setting.is_interrupted():
            break
        if state.done:
            _settle(machine, setting.settle_s, setting.is_interrupted)
        result = _run_step(setting, number, state.seed)
        if setting.is_interrupted():
            trouble.append(Finding("INTERRUPTED", f"interrupted in step {number + 1} of {len(setting.steps)}"))
            break
        state = replace(state, done=(*state.done, result))
        passed = sum(card.verdict == "PASSED" for card in result.cards)
        word = "passed" if result.is_passed else "not passed"
        cards = f"{passed} of {len(result.cards)} cards"
        place = f"step {number + 1} of {len(setting.steps)}"
        setting.write(f"{place}  {result.command}  {word}  {cards}  {result.seconds:.1f} s\n")
        if path is not None:
            try:
                save_checkpoint(path, state)
            except OSError as error:
                trouble.append(Finding("CHECKPOINT", f"{path}: {error.strerror or error}"))
                break
        if setting.options.is_fail_early and not result.is_passed:
            break
    return state, trouble


def _run_step(setting: CampaignSetting, number: int, seed: int) -> StepResult:
    step = setting.steps[number]
    begin_s = time.monotonic()
    report, name = setting.run_step(step, (seed + number) % 2**32)
    ending = report.ending
    return StepResult(
        number=number,
        command=step.command,
        verdict=_word(ending),
        exit_status=int(ending.exit_status),
        seconds=time.monotonic() - begin_s,
        report=name,
        findings=ending.findings,
        cards=tuple(
            CardStep(card.device.bus_id, card.outcome.verdict.value, card.outcome.findings) for card in ending.cards
        ),
    )


def _word(ending: Ending) -> str:
    if ending.is_passed:
        return "PASSED"
    return "NOT_EXECUTED" if ending.exit_status is ExitStatus.NOT_EXECUTED else "FAILED"


def _settle(machine: Machine, seconds: float, is_interrupted: Callable[[], bool]) -> None:
    """Let the cards rest, in box time, or in wall time where no card tells it."""
    end_wall_s = time.monotonic() + seconds
    first = machine.snapshot(0) if machine.device_count() else None
    while not is_interrupted():
        now = machine.snapshot(0) if first is not None else None
        if first is not None and now is not None:
            if now.box_time_ns - first.box_time_ns >= seconds * 1e9:
                return
        elif time.monotonic() >= end_wall_s:
            return
        time.sleep(_POLL_S)


def _ending(setting: CampaignSetting, scene: Scene, state: Checkpoint, trouble: Sequence[Finding]) -> Ending:
    is_whole = len(state.done) == len(setting.steps)
    cards = tuple(_card(snapshot, state, trouble, is_whole) for snapshot in scene.chosen)
    run = [finding for step in state.done for finding in step.findings]
    run += [finding for finding in trouble if finding.device is None]
    if not is_whole and not trouble:
        message = f"{len(state.done)} of {len(setting.steps)} steps were executed (--fail-early)"
        run.append(Finding("PLAN_ENDED", message))
    return Ending(
        cards=cards,
        exit_status=_exit_status(setting, state, is_whole, trouble),
        ended=datetime.now(),
        preparation=(f"seed {state.seed}; step n has seed + n",),
        findings=tuple(run),
        peak_rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        steps=state.done,
    )


def _card(snapshot: DeviceSnapshot, state: Checkpoint, trouble: Sequence[Finding], is_whole: bool) -> CardReport:
    """One card over all steps: its verdict, what was found, a line a step."""
    device = device_id(snapshot)
    own = [card for step in state.done for card in step.cards if card.bus_id == device.bus_id]
    findings = [finding for card in own for finding in card.findings]
    findings += [finding for finding in trouble if finding.device == device]
    verdict = _verdict([card.verdict for card in own], is_whole and len(own) == len(state.done))
    lines = tuple(_line(step, device.bus_id) for step in state.done)
    return CardReport(device, snapshot.name, snapshot.pcb_version, Outcome(verdict, tuple(findings)), lines=lines)


def _verdict(verdicts: Sequence[str], is_whole: bool) -> Verdict:
    if any(verdict == Verdict.FAILED for verdict in verdicts):
        return Verdict.FAILED
    return Verdict.PASSED if verdicts and is_whole and set(verdicts) == {Verdict.PASSED} else Verdict.NOT_EXECUTED


def _line(step: StepResult, bus_id: str) -> str:
    card = next((card for card in step.cards if card.bus_id == bus_id), None)
    words = {"PASSED": "passed", "FAILED": "not passed", "NOT_EXECUTED": "not executed"}
    verdict = "not tested" if card is None else words[card.verdict]
    codes = "" if card is None else "".join(f" {finding.code}" for finding in card.findings)
    return f"step {step.number + 1}  {step.command}  {verdict}{codes}"


def _exit_status(setting: CampaignSetting, state: Checkpoint, is_whole: bool, trouble: Sequence[Finding]) -> ExitStatus:
    if setting.is_interrupted():
        return ExitStatus.INTERRUPTED
    statuses = {ExitStatus(step.exit_status) for step in state.done}
    for status in (ExitStatus.FAILED, ExitStatus.INTERNAL, ExitStatus.NOT_EXECUTED):
        if status in statuses:
            return status
    return ExitStatus.PASSED if is_whole and not trouble else ExitStatus.NOT_EXECUTED
