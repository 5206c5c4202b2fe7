"""Which ports of a card a NIC test takes, their state and counters as HLML shows them, and the result of a link."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hl_qual.findings import Finding
from hl_qual.plugins.nic_judge import PortResult
from hlml.types import PORT_COUNTER_NAMES, PortState

if TYPE_CHECKING:
    from hl_qual.plugins.api import Job
    from hl_qual.plugins.nic_links import Link, Links

__all__ = ["PortReader", "down_findings", "result_of", "usable_ports"]


class PortReader:
    """Of one card, through HLML."""

    def __init__(self, index: int) -> None:
        import hlml

        hlml.init()
        self._device = hlml.devices()[index]
        self.first = self.read()

    def read(self) -> dict[int, PortState]:
        """Ports that the board connects, by number, now."""
        return {port.port: port for port in self._device.snapshot().ports if port.is_connected}

    def increments(self, port: int) -> dict[str, int]:
        """Since the reader was made."""
        return counter_difference(self.read()[port], self.first[port])


def counter_difference(now: PortState, before: PortState) -> dict[str, int]:
    """By the driver's names."""
    pairs = zip(now.counters, before.counters, strict=True)
    return {name: new - old for name, (new, old) in zip(PORT_COUNTER_NAMES, pairs, strict=True)}


def usable_ports(
    ports: Mapping[int, PortState], job: Job, *, externals: bool
) -> tuple[list[PortState], list[PortState]]:
    """What is to be tested, up and down: internal ports and, if wanted, external ones that have a plug, less
    -disable_ports. An external port without a plug is down for good and no fault."""
    disabled = {int(word) for word in (job.switches.get("-disable_ports") or "").split(",") if word}
    chosen = [
        port
        for number, port in sorted(ports.items())
        if number not in disabled and (not port.is_external or (externals and port.is_up))
    ]
    return [port for port in chosen if port.is_up], [port for port in chosen if not port.is_up]


def down_findings(down: list[PortState]) -> list[Finding]:
    """One a port."""
    return [
        Finding(
            "PORT_DOWN",
            f"port {port.port} (to module {port.peer_module} port {port.peer_port}) is down",
            engine="NIC",
            expected="UP",
            actual="DOWN",
            port=port.port,
        )
        for port in down
    ]


def result_of(links: Links, link: Link, reader: PortReader) -> PortResult:
    """The link as it stands now."""
    usage = links.usage(link)
    return PortResult(
        port=link.port,
        name=link.name,
        messages=link.messages,
        payload_bytes=link.payload_bytes,
        checked=link.checked,
        mismatched=link.mismatched,
        sending_s=usage.busy_s,
        stalled_s=usage.stalled_s,
        latencies_s=tuple(link.latencies_s),
        failure=link.failure,
        wrong=link.wrong,
        counters=reader.increments(link.port),
    )
