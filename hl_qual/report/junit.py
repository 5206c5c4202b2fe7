"""The report as JUnit XML, for CI systems: a suite a run, a case a card, and one for the run itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from hl_qual.findings import Finding
from hl_qual.outcome import Verdict
from hl_qual.report.model import CardReport, Report

__all__ = ["render_junit"]

# XML 1.0 has no way to write these.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(report: Report) -> str:
    """The whole document. A card that failed is a failure, one that was not executed an error."""
    opening, ending = report.opening, report.ending
    suite = Element("testsuite", name=f"hl_qual.{opening.test}", hostname=opening.host)
    properties = SubElement(suite, "properties")
    for name, value in (("command_line", opening.command_line), ("emulated", "true")):
        SubElement(properties, "property", name=name, value=_text(value))
    cases = [_card(card, opening.test) for card in ending.cards]
    cases.append(_run(report))
    suite.extend(cases)
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    suite.set("errors", str(sum(case.find("error") is not None for case in cases)))
    suite.set("time", f"{max(0.0, (ending.ended - opening.started).total_seconds()):.3f}")
    suite.set("timestamp", opening.started.isoformat(timespec="seconds"))
    indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(suite, encoding="unicode") + "\n"


def _text(value: str) -> str:
    return _FORBIDDEN.sub("?", value)


def _card(card: CardReport, test: str) -> Element:
    case = Element("testcase", name=card.device.bus_id, classname=f"hl_qual.{test}")
    if card.started is not None and card.ended is not None:
        case.set("time", f"{(card.ended - card.started).total_seconds():.3f}")
    if not card.is_passed:
        kind = "error" if card.outcome.verdict is Verdict.NOT_EXECUTED else "failure"
        _problem(case, kind, card.outcome.findings, card.outcome.verdict.value)
    if card.lines:
        SubElement(case, "system-out").text = _text("\n".join(card.lines))
    return case


def _run(report: Report) -> Element:
    """Passes if the run as a whole did, so that no failed run is a suite without a failure."""
    case = Element("testcase", name="run", classname=f"hl_qual.{report.opening.test}")
    bad = [finding for finding in report.ending.findings if finding.fails_card]
    if bad or not report.ending.cards:
        _problem(case, "error", bad, "NOT_EXECUTED")
    return case


def _problem(case: Element, kind: str, findings: Sequence[Finding], verdict: str) -> None:
    bad = [finding for finding in findings if finding.fails_card]
    problem = SubElement(case, kind)
    problem.set("type", bad[0].code if bad else verdict)
    problem.set("message", _text(bad[0].message) if bad else verdict)
    problem.text = _text("\n".join(f"{f.severity.value} {f.code}: {f.message}; action: {f.action}" for f in findings))
