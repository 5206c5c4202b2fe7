"""The check before every test: is each card there, operational, idle and free? Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hl_qual.findings import DeviceId, Finding
from hlml.types import DeviceSnapshot

__all__ = ["OperationalCheck", "check_card", "device_id"]


@dataclass(frozen=True, slots=True)
class OperationalCheck:
    """One line of the Operational Status Report; `finding` is None for a card that can be tested."""

    bus_id: str
    memory_used_mib: int
    idle_limit_mib: int
    status: str
    finding: Finding | None


def device_id(snapshot: DeviceSnapshot) -> DeviceId:
    """Serial, bus id and module of a card."""
    return DeviceId(snapshot.serial, snapshot.pci.bus_id, snapshot.module_id)


def check_card(snapshot: DeviceSnapshot, idle_limit_mib: int) -> OperationalCheck:
    """The first thing that keeps this card from being tested, if any."""
    used_mib = snapshot.memory_used_bytes // 2**20
    finding = _finding(snapshot, used_mib, idle_limit_mib)
    where = None if finding is None else finding.on(device_id(snapshot))
    return OperationalCheck(snapshot.pci.bus_id, used_mib, idle_limit_mib, snapshot.status, where)


def _finding(snapshot: DeviceSnapshot, used_mib: int, limit_mib: int) -> Finding | None:
    if snapshot.is_lost or not snapshot.is_operational:
        actual = "lost" if snapshot.is_lost else snapshot.status
        message = f"the driver says that the card is {actual}"
        return Finding("DEVICE_NOT_OPERATIONAL", message, expected="operational", actual=actual)
    if snapshot.processes:
        return Finding("DEVICE_BUSY", f"the card is held by {_holders(snapshot)}", expected="no process")
    if used_mib > limit_mib:
        message = f"{used_mib} MiB of device memory are in use"
        return Finding("MEMORY_NOT_IDLE", message, actual=f"{used_mib} MiB", limit=f"{limit_mib} MiB")
    return None


def _holders(snapshot: DeviceSnapshot) -> str:
    names: Sequence[str] = [
        "a process of another user" if process.pid is None else f"process {process.pid} ({process.comm or 'unknown'})"
        for process in snapshot.processes
    ]
    return ", ".join(names)
