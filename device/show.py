"""What `gaudi-box show` prints: the box as one document, and the document as text."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from device.card import Box, CardState
from device.faults import fault_of_kind

__all__ = ["box_document", "render_box"]

SCHEMA = 1


def box_document() -> dict[str, Any]:
    """The box of the environment as plain data; "schema" counts incompatible changes."""
    with Box.open(for_writing=False) as box:
        return {
            "schema": SCHEMA,
            "emulated": True,
            "name": box.name,
            "path": box.path,
            "box_time_ns": box.now_ns(),
            "clock_rate": box.clock_rate,
            "cards": [_card(card) for card in box.cards],
        }


def _card(card: CardState) -> dict[str, Any]:
    reading = card.read()
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
        "faults": [_fault_name(record.kind) for record in card.faults()],
    }


def _fault_name(kind: int) -> str:
    fault = fault_of_kind(kind)
    return fault.name if fault else f"number {kind} of a newer release"


def render_box(document: dict[str, Any]) -> str:
    """One line a card under a line about the box."""
    place = document["path"] or "private to this process"
    lines = [f"box {document['name']} ({place}), clock rate {document['clock_rate']:g}"]
    lines.append(
        f"{'card':>4} {'bus id':<12} {'mod':>3} {'MHz':>5} {'W':>6} {'die C':>6} {'util':>5} {'used MiB':>9}"
        "  activity            faults"
    )
    for card in document["cards"]:
        busy = " ".join(f"{name} {share:.0%}" for name, share in card["activity"].items() if share > 0) or "idle"
        faults = ", ".join(card["faults"]) or "-"
        lines.append(
            f"{card['index']:>4} {card['bus_id']:<12} {card['module_id']:>3} {card['clock_soc_mhz']:>5}"
            f" {card['power_54v_w']:>6.1f} {card['temperature_die_c']:>6.1f} {card['utilization_percent']:>4}%"
            f" {card['memory_used_bytes'] >> 20:>9}  {busy:<18}  {faults}"
        )
    return "\n".join(lines)
