"""Outcomes survive the pipe, judging fails closed, and the exit status says most."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl_qual.errors import ExitStatus, ProtocolError
from hl_qual.findings import CATALOGUE, DeviceId, Finding
from hl_qual.messages import Message, Progress, Ready, Result, Started, decode, encode
from hl_qual.outcome import Coverage, Metric, Outcome, Retest, Verdict, judge
from hl_qual.report.model import CardReport
from hl_qual.verdict import exit_status

DEVICE = DeviceId("S", "0000:19:00.0", 3)
FINDINGS = st.builds(
    Finding,
    st.sampled_from(sorted(CATALOGUE)),
    st.text(),
    st.none() | st.just(DEVICE),
    st.none() | st.text(),
    st.none() | st.text(),
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
METRICS = st.builds(Metric, st.text(), NUMBERS, st.text(), st.text(), st.text(), st.none() | NUMBERS)
COVERAGES = st.none() | st.builds(Coverage, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.booleans())
RETESTS = st.builds(Retest, st.integers(0, 9), st.text(), st.integers(0, 9), st.integers(0, 9))
OUTCOMES = st.builds(
    Outcome,
    st.sampled_from(Verdict),
    st.lists(FINDINGS).map(tuple),
    st.lists(METRICS).map(tuple),
    COVERAGES,
    st.lists(RETESTS).map(tuple),
)
METRIC = Metric("speed", 1.0, "GB/s", "device", "model")


@given(
    st.one_of(
        st.just(Ready()),
        st.builds(Started, st.integers(0, 2**63)),
        st.builds(Progress, st.floats(0, 1)),
        st.builds(Result, OUTCOMES),
    )
)
def test_messages_survive_the_pipe(message: Message) -> None:
    line = encode(message)
    assert line.count(b"\n") == 1
    assert decode(line) == message


@pytest.mark.parametrize("line", [b"", b"x", b"[]", b"{}", b'{"kind":"x"}', b'{"kind":"result","outcome":{}}', b"\xff"])
def test_anything_else_is_a_protocol_error(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(line)


@pytest.mark.parametrize(
    ("metrics", "coverage", "code"),
    [
        ((), None, "NO_MEASUREMENT"),
        ((METRIC,), Coverage(5, 0, 0, False), "NO_CHECK"),
        ((METRIC,), Coverage(5, 4, 0, False), "NO_CHECK"),
        ((METRIC,), Coverage(5, 3, 0, True), None),
        ((METRIC,), None, None),
    ],
)
def test_judging_fails_closed(metrics: tuple[Metric, ...], coverage: Coverage | None, code: str | None) -> None:
    outcome = judge((), metrics, coverage)
    assert [finding.code for finding in outcome.findings] == ([] if code is None else [code])
    assert outcome.verdict is (Verdict.PASSED if code is None else Verdict.FAILED)


def test_every_finding_has_an_action() -> None:
    for code, cause in CATALOGUE.items():
        assert cause.action and code.isupper()


@pytest.mark.parametrize(
    ("verdicts", "is_interrupted", "expected"),
    [
        (["PASSED", "PASSED"], False, ExitStatus.PASSED),
        (["PASSED", "FAILED"], False, ExitStatus.FAILED),
        (["NOT_EXECUTED", "FAILED"], False, ExitStatus.FAILED),
        (["NOT_EXECUTED", "PASSED"], False, ExitStatus.NOT_EXECUTED),
        ([], False, ExitStatus.NOT_EXECUTED),
        (["PASSED"], True, ExitStatus.INTERRUPTED),
    ],
)
def test_exit_status_says_most(verdicts: list[str], is_interrupted: bool, expected: ExitStatus) -> None:
    cards = [CardReport(DEVICE, "HL-225", "R0G", Outcome(Verdict(verdict))) for verdict in verdicts]
    assert exit_status(cards, (), is_interrupted) is expected
