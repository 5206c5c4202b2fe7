"""What `gaudi-box show` prints: the box as one document, and the document as text."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from device.box_control import is_driver_loaded
from device.card import Box, CardState, CardStatus, FaultRecord
from device.errors import DeviceError
from device.fault_condition import Condition
from device.faults import fault_of_kind
from device.table import render_table

__all__ = ["all_boxes", "box_document", "render_box"]

SCHEMA = 1

_TITLES = ("card", "bus id", "mod", "MHz", "W", "die C", "util %", "used MiB", "status", "activity", "holder", "faults")


def box_document() -> dict[str, Any]:
    """The box of the environment as plain data; "schema" counts incompatible changes."""
    with Box.open(for_writing=False) as box:
        return {
            "schema": SCHEMA,
            "emulated": True,
            "name": box.name,
            "path": box.path,
            "type": box.type,
            "release": box.release,
            "box_time_ns": box.now_ns(),
            "clock_rate": box.clock_rate,
            "cards": [_card(card) for card in box.cards],
        }


def _card(card: CardState) -> dict[str, Any]:
    reading = card.read()
    holder = card.holder()
    return {
        "index": card.index,
        "name": card.identity.name,
        "serial": card.identity.serial,
        "bus_id": card.identity.bus_id,
        "module_id": card.identity.module_id,
        "clock_soc_mhz": round(reading.clock_soc_mhz),
        "power_54v_w": round(reading.power_w, 1),
        "temperature_die_c": round(reading.die_c, 1),
        "temperature_hbm_c": round(reading.hbm_c, 1),
        "utilization_percent": int(reading.utilization_percent),
        "energy_j": round(reading.energy_j, 3),
        "memory_used_bytes": reading.memory_used_bytes,
        "activity": {name: round(share, 4) for name, share in asdict(reading.activity).items()},
        "dilation": round(reading.dilation, 3),
        "status": _status(reading.status, reading.is_lost),
        "reset_count": reading.reset_count,
        "launches": reading.launches,
        "links_up": card.links_up().bit_count(),
        "holder": None if holder is None else {"pid": holder[0], "comm": holder[1]},
        "faults": [_fault_name(record.kind) for record in card.faults()],
        "fault_details": [_fault(record) for record in card.faults()],
    }


def _status(status: int, is_lost: bool) -> str:
    return "lost" if is_lost else CardStatus(status).name.lower().replace("_", " ")


def _fault(record: FaultRecord) -> dict[str, Any]:
    return {
        "name": _fault_name(record.kind),
        "degree": record.degree,
        "address": record.address,
        "condition": str(Condition.of(record)) or None,
        "since_ns": record.injected_ns,
        "hits": record.hits,
    }


def all_boxes() -> list[dict[str, Any]]:
    """The boxes of the system and of this user, by name; of one that cannot be opened what is wrong with it."""
    places = [Path("/run/gaudi"), Path(f"/dev/shm/gaudi-{os.geteuid()}")]
    paths = [path for place in places if place.is_dir() for path in sorted(place.iterdir()) if (path / "box").exists()]
    return [_box(path) for path in paths if not path.name.startswith(".")]


def _box(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = {"name": path.name, "type": "-", "cards": 0, "release": "-", "driver": "loaded",
                                "clock": 1.0, "path": str(path)}  # fmt: skip
    try:
        if not is_driver_loaded(path):
            return {**document, "driver": "not loaded"}
        with Box.open(path, for_writing=False) as box:
            return {**document, "type": box.type, "cards": len(box.cards), "release": box.release,
                    "clock": box.clock_rate}  # fmt: skip
    except DeviceError as error:
        return {**document, "driver": f"unusable: {error}"}


def _fault_name(kind: int) -> str:
    fault = fault_of_kind(kind)
    return fault.name if fault else f"number {kind} of a newer release"


def render_box(document: dict[str, Any]) -> str:
    """One line a card under a line about the box."""
    place = document["path"] or "private to this process"
    head = f"box {document['name']} ({document['type']}, {place}), clock rate {document['clock_rate']:g}"
    return "\n".join([head, render_table(_TITLES, [_row(card) for card in document["cards"]])])


def _row(card: dict[str, Any]) -> list[object]:
    busy = " ".join(f"{name} {share:.0%}" for name, share in card["activity"].items() if share > 0) or "idle"
    holder = card["holder"]
    return [
        card["index"],
        card["bus_id"],
        card["module_id"],
        card["clock_soc_mhz"],
        card["power_54v_w"],
        card["temperature_die_c"],
        card["utilization_percent"],
        card["memory_used_bytes"] >> 20,
        card["status"],
        busy,
        f"{holder['comm']} ({holder['pid']})" if holder else "-",
        ", ".join(card["faults"]) or "-",
    ]
