"""The command hl_qual: from words to an exit status. With `output` the only module that writes to stdout and stderr.

Usage errors and the help must be fast: nothing here imports hlml, numpy or rich before the arguments are right.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hl_qual.argv import HelpRequest, Options, parse
from hl_qual.errors import ExitStatus, NotAvailableError, QualError, UsageError
from hl_qual.plugins import load, references
from hl_qual.switches import SELECTORS, TEST_NAMES
from hl_qual.usage import help_text

if TYPE_CHECKING:
    from hl_qual.report.model import Report
    from hl_qual.session import Setting

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run hl_qual; the exit status is one of `ExitStatus`."""
    words = sys.argv[1:] if argv is None else argv
    if words and words[0] in _PROGRAMS:
        return _PROGRAMS[words[0]](words[1:])
    try:
        available = references()
        tests = {*TEST_NAMES, *available} - {selector.plugin for selector in SELECTORS.values()}
        options = parse(words, tests)
        if isinstance(options, HelpRequest):
            print(help_text(options.family, available, tests))
            return ExitStatus.PASSED
        if options.is_campaign:
            return _run_campaign(options, available, sorted(tests))
        return _run(options, _reference(options, available))
    except UsageError as error:
        _complain(f"{error}\nusage: ./hl_qual -t <test name> | [-gaudi2] -c all -rmod parallel <test>; all of it: -h")
        return error.exit_status
    except QualError as error:
        _complain(str(error))
        return error.exit_status
    except Exception:
        traceback.print_exc()
        _complain("internal error; nothing is known about the cards")
        return ExitStatus.INTERNAL


def _network_ifs(words: Sequence[str]) -> int:
    from hl_qual.network_ifs import main

    return main(words)


def _monitor(words: Sequence[str]) -> int:
    from hl_qual.monitor_program import main

    return main(words)


def _self_test(words: Sequence[str]) -> int:
    from hl_qual.selftest.program import main

    return main(words)


def _merge(words: Sequence[str]) -> int:
    from hl_qual.merge import main

    return main(words)


# What belongs to the suite and is no test; found by the first word.
_PROGRAMS: dict[str, Callable[[Sequence[str]], int]] = {
    "--self-test": _self_test,
    "merge": _merge,
    "monitor": _monitor,
    "network-ifs": _network_ifs,
}


def _complain(text: str) -> None:
    # A closed terminal or a full disk takes stderr away too; the exit status is what is left then.
    with suppress(OSError):
        print(f"hl_qual: {text}", file=sys.stderr, flush=True)


def _reference(options: Options, available: dict[str, str]) -> str:
    reference = available.get(options.plugin_name)
    if reference is None:
        asked = f"-t {options.test}" if options.selector is None else options.selector.word
        raise NotAvailableError(f"{asked}: this test is not available yet (available: {', '.join(sorted(available))})")
    return reference


def _run(options: Options, reference: str) -> int:
    """Everything after the arguments: files, the run, the report."""
    from hl_qual.interrupts import Interrupts
    from hl_qual.process_name import set_process_name

    with Interrupts() as interrupts:
        setting = _setting(options, reference, interrupts.is_set)
        from hl_qual.report.store import is_writable, report_directory
        from hl_qual.session import run_session

        set_process_name("hl_qual")
        directory = report_directory(os.environ)
        reason = is_writable(directory)
        if reason is not None:
            _complain(_unwritable(directory, reason))
        return _finished(run_session(setting), directory, reason)


def _run_campaign(options: Options, available: dict[str, str], tests: Sequence[str]) -> int:
    """The same for several steps."""
    from hl_qual.campaign import CampaignSetting, Step, run_campaign, steps_of
    from hl_qual.interrupts import Interrupts
    from hl_qual.plans import load_plan
    from hl_qual.process_name import set_process_name

    plan = None if options.plan is None else load_plan(options.plan)
    steps = steps_of(options, plan, tests)
    references_of = [_reference(step.options, available) for step in steps]
    name = options.plugin_name if plan is None else f"plan {plan.name}"
    with Interrupts() as interrupts:
        settings = {
            step: _setting(step.options, ref, interrupts.is_set) for step, ref in zip(steps, references_of, strict=True)
        }
        first = settings[steps[0]]
        from hl_qual.report.store import is_writable, report_directory, write_report
        from hl_qual.session import run_session

        set_process_name("hl_qual")
        directory = report_directory(os.environ)
        reason = is_writable(directory)
        if reason is not None:
            _complain(_unwritable(directory, reason))

        def run_step(step: Step, seed: int) -> tuple[Report, str | None]:
            report = run_session(replace(settings[step], seed=seed, write=lambda _: None))
            try:
                return report, None if reason is not None else write_report(report, directory).stem
            except OSError:
                return report, None

        setting = CampaignSetting(
            options=replace(options, selector=None, test=name),
            steps=steps,
            settle_s=0.0 if plan is None else plan.settle_s,
            seed=first.seed,
            machine=first.machine,
            limits_of=first.limits_of,
            run_step=run_step,
            write=first.write,
            is_interrupted=interrupts.is_set,
            host=first.host,
        )
        report = run_campaign(setting)
        return _finished(report, directory, reason)


def _finished(report: Report, directory: Path, reason: str | None) -> int:
    """Write the report; the exit status. `reason` says why it cannot be written, if that is known already."""
    from hl_qual.report.store import write_report

    if report.ending.exit_status is ExitStatus.NOT_EXECUTED:
        _complain(_why_not_executed(report))
    if reason is None:
        try:
            write_report(report, directory)
        except OSError as error:
            reason = error.strerror or str(error)
            _complain(_unwritable(directory, reason))
    status = report.ending.exit_status
    return ExitStatus.INTERNAL if status is ExitStatus.PASSED and reason is not None else status


def _why_not_executed(report: Report) -> str:
    """The first reason in one line; the report has them all."""
    findings = [
        *report.ending.findings,
        *(finding for card in report.ending.cards for finding in card.outcome.findings),
    ]
    reason = next((f"{finding.code}: {finding.message}" for finding in findings), "see the report")
    return f"the test was not executed. {reason}"


def _setting(options: Options, reference: str, is_interrupted: Callable[[], bool]) -> Setting:
    """The world outside, bound into one object. UsageError for an INI that cannot be read."""
    bounds_text = _text_of(options.monitor_ini, "-mon_cfg")
    limits_text = _text_of(options.plugin_ini, "unknown word, or plugin INI that cannot be read:")
    from hl_qual.limits import Limits, load_limits, overridden, with_plugin_limits
    from hl_qual.machine import HlmlMachine
    from hl_qual.monitor_ini import parse_bounds
    from hl_qual.output import Output
    from hl_qual.plugins.api import HasLimits
    from hl_qual.session import Setting

    plugin = load(reference)

    def limits_of(family: str, card: str) -> Limits:
        limits = load_limits(family, card)
        if isinstance(plugin, HasLimits):
            limits = with_plugin_limits(limits, plugin.name, plugin.limits(family, card))
        return limits if limits_text is None else overridden(limits, limits_text, options.plugin_ini or "")

    return Setting(
        options=options,
        plugin=plugin,
        reference=reference,
        limits_of=limits_of,
        bounds={} if bounds_text is None else parse_bounds(bounds_text, options.monitor_ini or ""),
        seed=secrets.randbits(32) if options.seed is None else options.seed,
        machine=HlmlMachine,
        write=Output(sys.stdout, _complain),
        is_interrupted=is_interrupted,
        host=socket.gethostname().split(".")[0],
        is_terminal=sys.stdout.isatty(),
    )


def _text_of(path: str | None, what: str) -> str | None:
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"{what} {path!r} ({reason})") from error


def _unwritable(directory: Path, reason: str) -> str:
    return (
        f"cannot write the report to {directory} ({reason}): set HABANA_LOGS to a directory that you may write; "
        "the whole report is on stdout"
    )
