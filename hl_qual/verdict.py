"""From what the runner and the telemetry say to the verdict of a card, and to the exit status of the run. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hl_qual.errors import ExitStatus
from hl_qual.findings import DeviceId, Finding
from hl_qual.outcome import Outcome, Verdict
from hl_qual.report.model import CardReport
from hl_qual.telemetry import Rules, Telemetry, judge_telemetry

__all__ = ["exit_status", "with_telemetry"]


def with_telemetry(outcome: Outcome, telemetry: Telemetry, device: DeviceId, rules: Rules) -> Outcome:
    """The outcome with the findings of the telemetry; each of them fails the card."""
    seen = judge_telemetry(telemetry, rules, outcome.own_resets)
    found = tuple(finding.on(device) for finding in seen)
    is_bad = any(finding.fails_card for finding in found)
    verdict = Verdict.FAILED if is_bad else outcome.verdict
    return replace(outcome, verdict=verdict, findings=(*outcome.findings, *found))


def exit_status(cards: Sequence[CardReport], findings: Sequence[Finding], is_interrupted: bool) -> ExitStatus:
    """The status that says most: interrupted, then failed, then not executed."""
    if is_interrupted:
        return ExitStatus.INTERRUPTED
    bad = [card.outcome.verdict for card in cards if not card.is_passed]
    if any(verdict is Verdict.FAILED for verdict in bad):
        return ExitStatus.FAILED
    if bad or not cards or any(finding.fails_card for finding in findings):
        return ExitStatus.NOT_EXECUTED
    return ExitStatus.PASSED
