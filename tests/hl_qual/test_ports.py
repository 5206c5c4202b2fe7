"""-enable_ports_check and -toggle on made-up readings; an end-to-end run with a link down is in test_power_process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from hl_qual.findings import DeviceId
from hl_qual.outcome import Outcome, Verdict
from hl_qual.plugins.api import Job
from hl_qual.ports import with_ports
from hl_qual.telemetry import baseline, finished
from hlml.types import PORT_COUNTER_NAMES, PortState


def port(
    number: int, is_up: bool = True, is_external: bool = False, is_connected: bool = True, toggles: int = 0
) -> Any:
    counters = tuple(toggles if name == "pcs_link_toggles" else 0 for name in PORT_COUNTER_NAMES)
    return PortState(number, is_external, is_connected, is_up, counters=counters)


def outcome(make: Callable[..., Any], before: list[Any], after: list[Any], **switches: str | None) -> Outcome:
    telemetry = finished(baseline(make(0, ports=tuple(before))), make(0, ports=tuple(after)))
    words = {f"-{name}": value for name, value in switches.items()}
    job = Job("f", "", "gaudi2", 0, DeviceId("S", "b", 0), 1.0, None, 1, {}, "", words)
    return with_ports(Outcome(Verdict.PASSED), telemetry, job)


@pytest.mark.parametrize(
    ("which", "bad", "is_passed"),
    [
        ("int", port(3, is_up=False), False),
        ("all", port(3, is_up=False), False),
        ("int", port(8, is_up=False, is_external=True), True),
        ("all", port(8, is_up=False, is_external=True), False),
        ("all", port(9, is_up=False, is_connected=False), True),
    ],
)
def test_which_ports_count(make_snapshot: Any, which: str, bad: Any, is_passed: bool) -> None:
    for before, after in (([bad], [bad]), ([port(1), bad], [port(1)]), ([port(1)], [port(1), bad])):
        found = outcome(make_snapshot, before, after, enable_ports_check=which)
        assert (found.verdict is Verdict.PASSED) is is_passed
        assert is_passed or str(bad.port) in found.findings[0].message


def test_toggles_are_counted_and_do_not_fail(make_snapshot: Any) -> None:
    found = outcome(make_snapshot, [port(1, toggles=4)], [port(1, toggles=7)], toggle=None)
    assert (found.verdict, found.metrics[0].value) == (Verdict.PASSED, 3)
    assert json.dumps(found.to_json())


def test_nothing_is_checked_without_the_switches(make_snapshot: Any) -> None:
    assert outcome(make_snapshot, [port(1, is_up=False)], [port(1, is_up=False)]) == Outcome(Verdict.PASSED)
