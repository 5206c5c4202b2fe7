"""Ports of -n ports, -n link and -n stats. Drawn by `render.nic`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hl_smi.errors import RunError
from hlml.types import PORT_COUNTER_NAMES

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hlml.types import DeviceSnapshot, PortState

__all__ = ["DevicePorts", "PortRow", "query_ports"]


@dataclass(frozen=True, slots=True)
class PortRow:
    """One port that has a cable or a trace. `counters`: (the driver's name, value), None on a lost card."""

    port: int
    is_external: bool
    is_up: bool
    peer_module: int | None
    peer_port: int | None
    counters: tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, slots=True)
class DevicePorts:
    """The ports of one card."""

    index: int
    minor: int
    bus_id: str
    ports: tuple[PortRow, ...]


def query_ports(
    snapshots: Sequence[DeviceSnapshot], ports: Sequence[int] | None, is_external_default: bool
) -> tuple[DevicePorts, ...]:
    """The asked `ports`; without a list all connected ones, external ones only if `is_external_default`."""
    return tuple(
        DevicePorts(card.index, card.minor, card.pci.bus_id, _port_rows(card, ports, is_external_default))
        for card in snapshots
    )


def _port_rows(card: DeviceSnapshot, ports: Sequence[int] | None, is_external_default: bool) -> tuple[PortRow, ...]:
    connected = {state.port: state for state in card.ports if state.is_connected}
    if ports is None:
        shown = [state for state in connected.values() if is_external_default or not state.is_external]
        return tuple(_row(state, card) for state in sorted(shown, key=lambda state: state.port))
    for port in ports:
        if port not in connected:
            present = ",".join(str(known) for known in sorted(connected))
            raise RunError(f"AIP {card.index} has no port {port}; ports: {present}")
    return tuple(_row(connected[port], card) for port in sorted(set(ports)))


def _row(state: PortState, card: DeviceSnapshot) -> PortRow:
    values: Sequence[int | None] = [None] * len(state.counters) if card.is_lost else state.counters
    return PortRow(
        port=state.port,
        is_external=state.is_external,
        is_up=state.is_up and not card.is_lost,
        peer_module=state.peer_module,
        peer_port=state.peer_port,
        counters=tuple(zip(PORT_COUNTER_NAMES, values, strict=False)),
    )
