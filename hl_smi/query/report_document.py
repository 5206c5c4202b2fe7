"""The sections of -q --json: one function a section of the report, and those that the vendor's report does not have.

For `query.document`, which promises the keys.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hl_smi.query.rows import CAUSE_TEXT
from hl_smi.query.stream import throttle_names
from hlml.types import DeviceSnapshot, EccCounters, ReplacedRow

__all__ = ["SECTIONS"]

Document = dict[str, Any]


def _live(card: DeviceSnapshot, values: Document) -> Document:
    """Measurements: unknown on a lost card, with the same keys."""
    return dict.fromkeys(values) if card.is_lost else values


def _product(card: DeviceSnapshot) -> Document:
    return {
        "model": card.model,
        "status": card.status,
        "is_operational": card.is_operational,
        "pcb_assembly_version": card.pcb_assembly_version,
        "pcb_version": card.pcb_version,
        "hl_revision": card.hl_revision,
        "firmware": {
            "fit": card.firmware_fit,
            "spi": card.firmware_spi,
            "uboot": card.firmware_uboot,
            "os": card.firmware_os,
        },
        "cpld_version": card.cpld_version,
        "reset_count": card.reset_count,
    }


def _bus(card: DeviceSnapshot) -> Document:
    link = card.pci.link
    live = {
        "generation_current": link.generation_current,
        "width_current": link.width_current,
        "rx_kbps": card.pcie_rx_kbps,
        "tx_kbps": card.pcie_tx_kbps,
        "replay_count": card.pcie_replay_count,
    }
    return {
        "domain": card.pci.domain,
        "bus": card.pci.bus,
        "device": card.pci.device,
        "revision": card.pci.revision,
        "device_id": card.pci.device_id,
        "subsystem_id": card.pci.subsystem_id,
        "numa_node": card.numa_node,
        "generation_max": link.generation_max,
        "width_max": link.width_max,
    } | _live(card, live)


def _fan(card: DeviceSnapshot) -> Document:
    return {"speed_percent": None}


def _clock(card: DeviceSnapshot) -> Document:
    live = {
        "soc_mhz": card.clock_soc_mhz,
        "throttle_reasons": list(throttle_names(card.throttle_reasons)),
        "violation_power_ns": card.violation_power_ns,
        "violation_thermal_ns": card.violation_thermal_ns,
        "performance_state": card.performance_state,
    }
    return {
        "soc_max_mhz": card.clock_soc_max_mhz,
        "soc_limit_mhz": card.clock_soc_limit_mhz,
        "tpc_limit_mhz": card.clock_tpc_limit_mhz,
    } | _live(card, live)


def _memory(card: DeviceSnapshot) -> Document:
    live = {"used_bytes": card.memory_used_bytes, "free_bytes": card.memory_free_bytes}
    fixed = {"total_bytes": card.memory_total_bytes, "reserved_bytes": card.memory_reserved_bytes}
    return fixed | _live(card, live)


def _temperature(card: DeviceSnapshot) -> Document:
    sensors = [
        {
            "name": sensor.name,
            "temperature_c": None if card.is_lost else round(sensor.temp_c, 2),
            "critical_c": sensor.critical_c,
        }
        for sensor in card.sensors
    ]
    return {"aip_c": None if card.is_lost else card.temperature_c, "sensors": sensors}


def _power(card: DeviceSnapshot) -> Document:
    live = {
        "draw_54v_mw": card.power_54v_mw,
        "limit_54v_mw": card.power_54v_limit_mw,
        "draw_12v_mw": card.power_12v_mw,
        "limit_12v_mw": card.power_12v_limit_mw,
        "energy_mj": card.energy_mj,
    }
    return {"max_54v_mw": card.power_54v_max_mw, "max_12v_mw": card.power_12v_max_mw} | _live(card, live)


def _net(card: DeviceSnapshot) -> Document:
    return {"mac_addresses": [mac.address for mac in card.mac_addresses]}


def _row(row: ReplacedRow, is_pending: bool) -> Document:
    return {
        "hbm": row.hbm,
        "pseudo_channel": row.pseudo_channel,
        "stack_id": row.stack_id,
        "bank": row.bank,
        "row": row.row,
        "cause": CAUSE_TEXT[row.cause],
        "is_pending": is_pending,
    }


def _row_replacement(card: DeviceSnapshot) -> Document:
    rows = [_row(row, False) for row in card.replaced_rows] + [_row(row, True) for row in card.pending_rows]
    return {"is_pending": card.is_row_replacement_pending, "rows": rows}


def _utilization(card: DeviceSnapshot) -> Document:
    live: Document = {
        "aip_percent": card.utilization_aip_percent,
        "memory_percent": card.utilization_memory_percent,
        "engines": {name: round(share, 4) for name, share in card.engine_activity.items()},
    }
    return _live(card, live)


def _ecc_of(counters: EccCounters) -> Document:
    return {
        "corrected_volatile": counters.corrected_volatile,
        "corrected_aggregate": counters.corrected_aggregate,
        "uncorrected_volatile": counters.uncorrected_volatile,
        "uncorrected_aggregate": counters.uncorrected_aggregate,
    }


def _ecc(card: DeviceSnapshot) -> Document:
    return _live(card, {"hbm": _ecc_of(card.ecc_hbm), "sram": _ecc_of(card.ecc_sram)})


def _processes(card: DeviceSnapshot) -> Document:
    return {
        "list": [
            {"pid": process.pid, "comm": process.comm, "uid": process.uid, "memory_bytes": process.memory_bytes}
            for process in card.processes
        ]
    }


# The vendor's types of -d, then our own.
SECTIONS: dict[str, Callable[[DeviceSnapshot], Document]] = {
    "PRODUCT": _product,
    "BUS": _bus,
    "FAN": _fan,
    "CLOCK": _clock,
    "MEMORY": _memory,
    "TEMPERATURE": _temperature,
    "POWER": _power,
    "NET": _net,
    "ROW_REPLACEMENT": _row_replacement,
    "UTILIZATION": _utilization,
    "ECC": _ecc,
    "PROCESSES": _processes,
}
