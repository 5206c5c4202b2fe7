"""One action with --json -> its text. Pure; called by `pages`.

A single answer is indented; one of a loop is one line, so that a reader takes line by line.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from hl_smi.fields import FIELDS, Reading
from hl_smi.moment import Moment
from hl_smi.options import Action, Options
from hl_smi.query.csv import query_csv
from hl_smi.query.document import Document, head, identity, report_document, table_document, topology_document
from hl_smi.query.firmware import query_firmware
from hl_smi.query.nic import query_ports
from hl_smi.query.processes import UNITS, query_processes
from hl_smi.query.rows import query_rows
from hl_smi.query.stream import COLUMNS, query_stream

__all__ = ["json_page", "json_text"]


def json_page(options: Options, moment: Moment) -> str:
    """The document of one iteration."""
    return json_text(_DOCUMENTS[options.action](options, moment), is_line=options.loop_ms is not None)


def json_text(document: Document, is_line: bool) -> str:
    """ASCII, with a newline at the end."""
    if is_line:
        return json.dumps(document, separators=(",", ":")) + "\n"
    return json.dumps(document, indent=2) + "\n"


def _table(options: Options, moment: Moment) -> Document:
    return table_document(moment.box, moment.snapshots)


def _report(options: Options, moment: Moment) -> Document:
    return report_document(moment.box, moment.snapshots, moment.attached_count, options.section)


def _query(options: Options, moment: Moment) -> Document:
    readings = tuple(Reading(moment.box, card, moment.timestamp(card.box_time_ns)) for card in moment.snapshots)
    rows = query_csv(options.fields, readings)
    return head("query", moment.box) | {
        "units": {name: FIELDS[name].unit for name in options.fields},
        "devices": [dict(zip(options.fields, row, strict=True)) for row in rows],
    }


def _row_replacement(options: Options, moment: Moment) -> Document:
    found = query_rows(options.fields, moment.snapshots)
    return head("row_replacement", moment.box) | {
        "rows": [dict(zip(options.fields, row, strict=True)) for row in found]
    }


def _processes(options: Options, moment: Moment) -> Document:
    found = query_processes(options.fields, moment.snapshots)
    return head("processes", moment.box) | {
        "units": {name: UNITS.get(name) for name in options.fields},
        "processes": [dict(zip(options.fields, row, strict=True)) for row in found],
    }


def _firmware(options: Options, moment: Moment) -> Document:
    devices = [
        identity(card)
        | {
            "components": [
                {
                    "name": component.name,
                    "version": component.version,
                    "os": component.os.rstrip("\n") or None,
                    "parts": dict(component.parts),
                }
                for component in firmware.components
            ]
        }
        for card, firmware in zip(moment.snapshots, query_firmware(moment.snapshots), strict=True)
    ]
    return head("firmware", moment.box) | {"devices": devices}


def _nic(options: Options, moment: Moment) -> Document:
    # All connected ports, whatever the view: a program asks by key, not by view.
    found = query_ports(moment.snapshots, options.ports, is_external_default=True)
    devices = [
        identity(card)
        | {
            "ports": [
                {
                    "port": port.port,
                    "is_external": port.is_external,
                    "is_up": port.is_up,
                    "peer_module": port.peer_module,
                    "peer_port": port.peer_port,
                    "counters": dict(port.counters),
                }
                for port in ports.ports
            ]
        }
        for card, ports in zip(moment.snapshots, found, strict=True)
    ]
    return head("nic", moment.box) | {"devices": devices}


def _topology(options: Options, moment: Moment) -> Document:
    return topology_document(moment.box, moment.snapshots)


def _stream(options: Options, moment: Moment) -> Document:
    keys = [column.key for column in COLUMNS]
    devices: list[Document] = []
    for card, row in zip(moment.snapshots, query_stream(moment.snapshots), strict=True):
        values: Document = dict(zip(keys, row, strict=True))
        devices.append({"box_time_ns": card.box_time_ns} | values)
    return head("stream", moment.box) | {"devices": devices}


_DOCUMENTS: dict[Action, Callable[[Options, Moment], Document]] = {
    Action.TABLE: _table,
    Action.REPORT: _report,
    Action.CSV: _query,
    Action.ROW_REPLACEMENT: _row_replacement,
    Action.PROCESSES: _processes,
    Action.FIRMWARE: _firmware,
    Action.NIC: _nic,
    Action.TOPOLOGY: _topology,
    Action.STREAM: _stream,
}
