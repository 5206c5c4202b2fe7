"""The report as JSON, for programs. Pure.

Schema 1. Keys are never renamed or removed within a schema number; new keys may appear. Figures carry `clock`
("device" or "box") and `basis`; `emulated` is always true.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from hl_qual.limits import Limit
from hl_qual.report.model import CardReport, Report
from hl_qual.telemetry import Statistic, Telemetry
from hlml.types import BoxInfo

__all__ = ["SCHEMA", "render_json"]

SCHEMA = 1


def render_json(report: Report) -> str:
    """The whole report, indented, with a newline at the end."""
    opening, ending = report.opening, report.ending
    values = {
        "schema": SCHEMA,
        "emulated": True,
        "tool": "hl_qual",
        "verdict": "PASSED" if ending.is_passed else "FAILED",
        "exit_status": int(ending.exit_status),
        "command_line": opening.command_line,
        "test": opening.test,
        "host": opening.host,
        "family": opening.family_title.lower(),
        "box": _box(opening.box),
        "started": _time(opening.started),
        "ended": _time(ending.ended),
        "duration": {"value": ending.duration_s, "unit": "s", "clock": "box"},
        "limits": next(iter(_limits(ending.limits).values()), {}),
        "limits_by_card": _limits(ending.limits),
        "preparation": list(ending.preparation),
        "findings": [finding.to_json() for finding in ending.findings],
        "host_memory": {"hl_qual_peak_rss_bytes": ending.peak_rss_bytes},
        "comparisons": [asdict(comparison) for comparison in ending.comparisons],
        "steps": [step.to_json() for step in ending.steps],
        "devices": [_card(card) for card in ending.cards],
    }
    return json.dumps(values, indent=2) + "\n"


def _box(box: BoxInfo | None) -> dict[str, object] | None:
    if box is None:
        return None
    return {
        "name": box.name,
        "type": box.box_type,
        "release": box.release,
        "driver_version": box.driver_version,
        "clock_rate": box.clock_rate,
    }


def _limits(limits: Mapping[str, Mapping[str, Limit]]) -> dict[str, dict[str, object]]:
    """By the name of the card; "limits" beside it has those of the first one."""
    return {card: {name: asdict(limit) for name, limit in section.items()} for card, section in limits.items()}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone().isoformat()


def _card(card: CardReport) -> dict[str, object]:
    return {
        "bus_id": card.device.bus_id,
        "serial": card.device.serial,
        "module_id": card.device.module_id,
        "name": card.name,
        "pcb_version": card.pcb_version,
        "started": _time(card.started),
        "ended": _time(card.ended),
        "peak_rss_bytes": card.peak_rss_bytes,
        **card.outcome.to_json(),
        "telemetry": None if card.telemetry is None else _telemetry(card.telemetry),
    }


def _telemetry(telemetry: Telemetry) -> dict[str, object]:
    return {
        "clock": "box",
        "power": _statistic(telemetry.power_w, "W"),
        "soc_clock": _statistic(telemetry.clock_mhz, "MHz"),
        "temperature": _statistic(telemetry.temp_c, "C"),
        "utilization": _statistic(telemetry.utilization_percent, "%"),
        "energy": {"value": telemetry.energy_j, "unit": "J"},
        "ecc_corrected": telemetry.ecc_corrected,
        "ecc_uncorrected": telemetry.ecc_uncorrected,
        "resets": telemetry.resets,
        "missed_samples": telemetry.missed,
        "thermal_violation": {"value": telemetry.thermal_violation_s, "unit": "s"},
        "throttle_reasons": [reason.name for reason in telemetry.throttle_reasons],
        "out_of_bounds": dict(telemetry.violations),
    }


def _statistic(values: Statistic, unit: str) -> dict[str, object]:
    return {
        "unit": unit,
        "samples": values.count,
        "minimum": values.minimum,
        "mean": values.mean,
        "maximum": values.maximum,
    }
