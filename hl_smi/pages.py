"""One action -> its text: query, then render. Pure; only what an action needs is imported, when it is needed.

Called by `cli`, once an iteration of a loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hl_smi.argv import Action, Options
from hl_smi.errors import NotSupportedYetError

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hlml.types import BoxInfo, DeviceSnapshot

__all__ = ["Moment", "check_supported", "page"]

_NOT_YET = {
    Action.ROW_REPLACEMENT: "--query-row-replacement is not supported yet; -q -d ROW_REPLACEMENT shows the counts",
    Action.MONITOR: "dmon is not supported yet; -Q with -l repeats a query",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """What there is to show: the box, the chosen cards, how many are visible, and box time -> text."""

    box: BoxInfo
    snapshots: tuple[DeviceSnapshot, ...]
    attached_count: int
    timestamp: Callable[[int], str]


def check_supported(options: Options) -> None:
    """Refuse what can not be answered yet, before anything is asked of the box."""
    if options.action in _NOT_YET:
        raise NotSupportedYetError(_NOT_YET[options.action])
    if options.nic_view == "stats":
        raise NotSupportedYetError("-n stats is not supported yet: the box does not tell port counters; -n link works")
    if options.is_cpu_affinity_shown:
        raise NotSupportedYetError("topo -c is not supported yet: the box does not tell CPU lists; topo -N works")


def page(options: Options, moment: Moment, is_first: bool) -> str:
    """The text of one iteration; `is_first` brings the CSV header, which a loop prints once."""
    if options.action is Action.CSV:
        return _csv(options, moment, is_first)
    return _PAGES[options.action](options, moment)


def _table(options: Options, moment: Moment) -> str:
    from hl_smi.query.table import query_table
    from hl_smi.render.table import render_table
    from hl_smi.render.table_layout import layout_of

    return render_table(query_table(moment.box, moment.snapshots), layout_of(moment.box.release))


def _report(options: Options, moment: Moment) -> str:
    from hl_smi.query.report import query_report
    from hl_smi.render.report import render_report

    timestamp = moment.timestamp(moment.snapshots[0].box_time_ns)
    report = query_report(moment.box, moment.snapshots, moment.attached_count, timestamp, options.section)
    return render_report(report)


def _csv(options: Options, moment: Moment, is_first: bool) -> str:
    from hl_smi.fields import Reading
    from hl_smi.query.csv import columns, query_csv
    from hl_smi.render.csv import render_csv

    readings = tuple(Reading(moment.box, card, moment.timestamp(card.box_time_ns)) for card in moment.snapshots)
    rows = query_csv(options.fields, readings)
    return render_csv(columns(options.fields), rows, options.has_header and is_first, options.has_units)


def _firmware(options: Options, moment: Moment) -> str:
    from hl_smi.query.firmware import query_firmware
    from hl_smi.render.firmware import render_firmware

    return render_firmware(query_firmware(moment.snapshots))


def _nic(options: Options, moment: Moment) -> str:
    from hl_smi.query.nic import query_ports
    from hl_smi.render.nic import render_links, render_ports

    is_ports = options.nic_view == "ports"
    devices = query_ports(moment.snapshots, options.ports, is_external_default=is_ports)
    render = render_ports if is_ports else render_links
    return render(devices, has_headings=options.bus_id is None)


def _topology(options: Options, moment: Moment) -> str:
    from hl_smi.query.topology import query_affinity
    from hl_smi.render.topology import render_affinity

    rows = query_affinity(moment.snapshots)
    return render_affinity(rows, options.is_cpu_affinity_shown, options.is_numa_affinity_shown)


_PAGES: dict[Action, Callable[[Options, Moment], str]] = {
    Action.TABLE: _table,
    Action.REPORT: _report,
    Action.FIRMWARE: _firmware,
    Action.NIC: _nic,
    Action.TOPOLOGY: _topology,
}
