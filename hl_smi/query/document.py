"""What --json prints, as plain data; docs/hl-smi.md promises its keys. Called by `json_pages`, which makes the text.

Keys are stable: they may be added, and never change their meaning or go away within one schema version. Units are part
of the keys; a value that a card does not have, or that a lost card can not tell, is None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hl_smi.query.report_document import SECTIONS
from hl_smi.query.table import query_table
from hlml.types import BoxInfo, DeviceSnapshot

__all__ = ["Document", "event_document", "head", "identity", "report_document", "table_document", "topology_document"]

SCHEMA = "hl-smi"
SCHEMA_VERSION = 1

Document = dict[str, Any]


def head(view: str, box: BoxInfo) -> Document:
    """What every document begins with."""
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "emulated": True,
        "view": view,
        "box": {"name": box.name, "type": box.box_type, "release": box.release, "clock_rate": box.clock_rate},
        "hlml_version": box.hlml_version,
        "driver_version": box.driver_version,
        "nic_driver_version": box.nic_driver_version,
    }


def identity(card: DeviceSnapshot) -> Document:
    """What every entry of `devices` begins with."""
    return {
        "index": card.index,
        "module_id": card.module_id,
        "bus_id": card.pci.bus_id,
        "name": card.name,
        "serial": card.serial,
        "uuid": card.uuid,
        "is_lost": card.is_lost,
        "box_time_ns": card.box_time_ns,
    }


def table_document(box: BoxInfo, snapshots: Sequence[DeviceSnapshot]) -> Document:
    """The numbers of the default table, and its processes."""
    table = query_table(box, snapshots)
    devices = [
        identity(card)
        | {
            "status": card.status,
            "uncorrected_errors": row.uncorrected_errors,
            "temperature_c": row.temp_c,
            "performance_state": row.performance_state,
            "power_w": row.power_w,
            "power_cap_w": row.cap_w,
            "memory_used_mib": row.used_mib,
            "memory_total_mib": row.total_mib,
            "memory_percent": row.memory_percent,
            "utilization_percent": row.utilization_percent,
        }
        for card, row in zip(snapshots, table.cards, strict=True)
    ]
    processes = [
        {"index": row.index, "pid": row.pid, "comm": row.comm, "memory_mib": row.memory_mib}
        for row in table.processes
        if row.pid is not None
    ]
    return head("table", box) | {"devices": devices, "processes": processes}


def report_document(
    box: BoxInfo, snapshots: Sequence[DeviceSnapshot], attached_count: int, section: str | None
) -> Document:
    """Everything about the cards, or one section of -d; a section's key is its name in lower case."""
    chosen: Mapping[str, Callable[[DeviceSnapshot], Document]] = (
        SECTIONS if section is None else {section: SECTIONS[section]}
    )
    devices = [identity(card) | {name.lower(): make(card) for name, make in chosen.items()} for card in snapshots]
    return head("report", box) | {"attached_count": attached_count, "devices": devices}


def topology_document(box: BoxInfo, snapshots: Sequence[DeviceSnapshot]) -> Document:
    """Affinity of the modules and every link of every port."""
    cards = sorted(snapshots, key=lambda card: card.module_id)
    modules = [
        {
            "module_id": card.module_id,
            "index": card.index,
            "bus_id": card.pci.bus_id,
            "numa_node": card.numa_node,
            "cpus": list(card.cpu_affinity),
        }
        for card in cards
    ]
    links = [
        {
            "module_id": card.module_id,
            "port": port.port,
            "is_external": port.is_external,
            "peer_module": port.peer_module,
            "peer_port": port.peer_port,
            "is_up": port.is_up and not card.is_lost,
        }
        for card in cards
        for port in card.ports
        if port.is_connected
    ]
    return head("topology", box) | {"modules": modules, "links": links}


def event_document(
    card: DeviceSnapshot, number: int, box_time_ns: int, kinds: Sequence[str], argument: int
) -> Document:
    """One event; one line of `hl-smi events --json`."""
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "emulated": True,
        "view": "event",
        "index": card.index,
        "module_id": card.module_id,
        "bus_id": card.pci.bus_id,
        "number": number,
        "box_time_ns": box_time_ns,
        "kinds": list(kinds),
        "argument": argument,
    }
