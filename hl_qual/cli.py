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
    try:
        available = references()
        tests = {*TEST_NAMES, *available} - {selector.plugin for selector in SELECTORS.values()}
        options = parse(words, tests)
        if isinstance(options, HelpRequest):
            print(help_text(options.family, available, tests))
            return ExitStatus.PASSED
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
        from hl_qual.report.store import is_writable, report_directory, write_report
        from hl_qual.session import run_session

        set_process_name("hl_qual")
        directory = report_directory(os.environ)
        reason = is_writable(directory)
        if reason is not None:
            _complain(_unwritable(directory, reason))
        report = run_session(setting)
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
