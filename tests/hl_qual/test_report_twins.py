"""JUnit and HTML: well-formed whatever a runner prints, self-contained, and of one mind with the text report."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl_qual.errors import ExitStatus
from hl_qual.findings import DeviceId, Finding
from hl_qual.history import History, Point
from hl_qual.outcome import Metric, Outcome, Verdict
from hl_qual.report.html import render_html
from hl_qual.report.junit import render_junit
from hl_qual.report.model import CardReport, Ending, Opening, Report
from hl_qual.report.plot import Line, render_plot

BEGIN = datetime(2026, 5, 26, 13, 23, 52)
METRIC = Metric("mean_power", 541.25, "W", "box", "measured", limit=530.0)
COURSE = tuple(Point(100 + n, 60 + 50 * n, 30 + n, 1650 - 10 * n) for n in range(10))


def card(number: int, verdict: Verdict, findings: tuple[Finding, ...] = (), line: str = "all is well") -> CardReport:
    return CardReport(
        device=DeviceId(f"S{number}", f"0000:{number:02x}:00.0", number),
        name="HL-225",
        pcb_version="R0F",
        outcome=Outcome(verdict, findings, (METRIC,)),
        lines=(line,),
        started=BEGIN,
        ended=BEGIN + timedelta(seconds=8),
        history=COURSE,
    )


def report(*cards: CardReport, findings: tuple[Finding, ...] = ()) -> Report:
    opening = Opening("./hl_qual -s '<x>'", BEGIN, "h&st", None, "Gaudi2", (), 0, (), (), "power_stress")
    ended = BEGIN + timedelta(seconds=10)
    return Report(opening, Ending(cards, ExitStatus.FAILED, ended, findings=findings))


BAD = Finding("POWER_BELOW_WINDOW", "mean <54> V & more", actual="300 W", limit="530 W")


class Elements(HTMLParser):
    """Which elements and addresses a page has, and whether they close."""

    VOID = ("meta", "line", "circle", "polyline")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def elements(page: str) -> Elements:
    parser = Elements()
    parser.feed(page)
    assert parser.open == []
    return parser


def test_junit_counts_failures_and_errors() -> None:
    suite = ElementTree.fromstring(
        render_junit(report(card(1, Verdict.PASSED), card(2, Verdict.FAILED, (BAD,)), card(3, Verdict.NOT_EXECUTED)))
    )
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "time")} == {
        "tests": "4",
        "failures": "1",
        "errors": "1",
        "time": "10.000",
    }
    failure = suite.find("testcase[@name='0000:02:00.0']/failure")
    assert failure is not None
    assert (failure.get("type"), failure.get("message")) == ("POWER_BELOW_WINDOW", "mean <54> V & more")


@pytest.mark.parametrize("findings", [(), (Finding("DRIVER", "no driver"),)])
def test_a_run_without_cards_is_an_error(findings: tuple[Finding, ...]) -> None:
    suite = ElementTree.fromstring(render_junit(report(findings=findings)))
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1")


@given(st.text())
def test_whatever_a_runner_prints_both_stay_well_formed(line: str) -> None:
    finding = Finding("PLUGIN_ERROR", line)
    values = report(card(1, Verdict.FAILED, (finding,), line))
    ElementTree.fromstring(render_junit(values).encode(errors="replace"))
    elements(render_html(values))


def test_html_is_self_contained() -> None:
    page = render_html(report(card(1, Verdict.PASSED), card(2, Verdict.FAILED, (BAD,))))
    found = elements(page)
    assert not {"script", "link", "img", "iframe", "object"} & set(found.seen)
    assert found.addresses == []
    assert not re.search(r"https?:|url\(|@import", page)


def test_html_draws_power_temperature_and_clock_of_every_card() -> None:
    page = render_html(report(card(1, Verdict.PASSED), card(2, Verdict.FAILED, (BAD,))))
    assert page.count("<svg ") == 3
    assert page.count("<polyline ") == 6
    assert "mean &lt;54&gt; V &amp; more" in page and "mean_power" in page
    assert page.count('class="badge FAILED"') == 3


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=40))
def test_every_point_lies_within_the_plot(points: list[tuple[float, float]]) -> None:
    svg = render_plot("x", [Line("card", sorted(points))])
    places = re.findall(r'points="([^"]*)"', svg) or [",".join(re.findall(r'c[xy]="([^"]*)"', svg))]
    for place in places[0].split():
        x, y = (float(number) for number in place.split(","))
        assert 0 <= x <= 860 and 0 <= y <= 230


def test_history_stays_bounded_and_in_order(make_snapshot: object) -> None:
    assert callable(make_snapshot)
    history = History()
    for number in range(5000):
        history.add(make_snapshot(0, box_time_ns=number * 10**9))
    times = [point.box_s for point in history.points]
    assert len(times) < 512 and times == sorted(times)
    assert (times[0], times[-1] > 4900) == (0.0, True)
