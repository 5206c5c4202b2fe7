"""-enable_ports_check and -toggle: are the ports of a card up, and how often did they change during the test? Pure.

`int` are the ports to other cards, `all` in addition those that leave the server; a port that the board leaves open
never counts. Toggles are reported, they do not fail a card.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hl_qual.findings import Finding
from hl_qual.outcome import Metric, Outcome, Verdict
from hl_qual.plugins.api import Job
from hl_qual.telemetry import Telemetry
from hlml.types import PORT_COUNTER_NAMES, DeviceSnapshot, PortState

__all__ = ["with_ports"]

_TOGGLES = PORT_COUNTER_NAMES.index("pcs_link_toggles")


def with_ports(outcome: Outcome, telemetry: Telemetry, job: Job) -> Outcome:
    """The outcome with what the switches of the job ask for; ports are read before and after the test."""
    which, last = job.switches.get("-enable_ports_check"), telemetry.last
    if last is None:
        return outcome
    if which is not None:
        outcome = _checked(outcome, which, [telemetry.first, last], job)
    if "-toggle" in job.switches:
        toggles = _toggles(last) - _toggles(telemetry.first)
        metric = Metric("port_toggles", toggles, "toggles", "box", "measured")
        outcome = replace(outcome, metrics=(*outcome.metrics, metric))
    return outcome


def _checked(outcome: Outcome, which: str, readings: Sequence[DeviceSnapshot], job: Job) -> Outcome:
    down = sorted({port.port for reading in readings for port in _chosen(reading, which) if not port.is_up})
    if not down:
        return outcome
    ports = ", ".join(str(port) for port in down)
    finding = Finding("PORT_DOWN", f"ports that are down before or after the test: {ports}", engine="NIC", actual=ports)
    return replace(outcome, verdict=Verdict.FAILED, findings=(*outcome.findings, finding.on(job.device)))


def _chosen(reading: DeviceSnapshot, which: str) -> list[PortState]:
    return [port for port in reading.ports if port.is_connected and (which == "all" or not port.is_external)]


def _toggles(reading: DeviceSnapshot) -> int:
    return sum(port.counters[_TOGGLES] for port in reading.ports if len(port.counters) > _TOGGLES)
