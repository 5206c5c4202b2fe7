"""One action -> its text: query, then render. Pure; only what an action needs is imported, when it is needed.

Called by `cli`, once an iteration of a loop.
"""

from __future__ import annotations

from collections.abc import Callable

from hl_smi.moment import Moment
from hl_smi.options import Action, Options

__all__ = ["page"]

# The heading of `stream` comes again after so many moments, as a screenful goes by.
_STREAM_HEADING_EVERY = 20


def page(options: Options, moment: Moment, iteration: int) -> str:
    """The text of one iteration, counted from 0; the first brings the CSV header, which a loop prints once."""
    if options.is_json:
        from hl_smi.json_pages import json_page

        return json_page(options, moment)
    if options.action in _HEADED_PAGES:
        return _HEADED_PAGES[options.action](options, moment, iteration)
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


def _csv(options: Options, moment: Moment, iteration: int) -> str:
    from hl_smi.fields import Reading
    from hl_smi.query.csv import columns, query_csv
    from hl_smi.render.csv import render_csv

    readings = tuple(Reading(moment.box, card, moment.timestamp(card.box_time_ns)) for card in moment.snapshots)
    rows = query_csv(options.fields, readings)
    return render_csv(columns(options.fields), rows, options.has_header and iteration == 0, options.has_units)


def _row_replacement(options: Options, moment: Moment, iteration: int) -> str:
    from hl_smi.query.rows import query_rows
    from hl_smi.render.csv import render_csv

    rows = query_rows(options.fields, moment.snapshots)
    without_units = tuple((name, None) for name in options.fields)
    return render_csv(without_units, rows, options.has_header and iteration == 0, options.has_units)


def _processes(options: Options, moment: Moment, iteration: int) -> str:
    from hl_smi.query.processes import UNITS, query_processes
    from hl_smi.render.csv import render_csv

    columns = tuple((name, UNITS.get(name)) for name in options.fields)
    rows = query_processes(options.fields, moment.snapshots)
    return render_csv(columns, rows, options.has_header and iteration == 0, options.has_units)


def _stream(options: Options, moment: Moment, iteration: int) -> str:
    from hl_smi.query.stream import COLUMNS, query_stream
    from hl_smi.render.stream import render_stream

    times = tuple(moment.clock(card.box_time_ns) for card in moment.snapshots)
    has_header = iteration % _STREAM_HEADING_EVERY == 0
    return render_stream(COLUMNS, times, query_stream(moment.snapshots), has_header)


def _firmware(options: Options, moment: Moment) -> str:
    from hl_smi.query.firmware import query_firmware
    from hl_smi.render.firmware import render_firmware

    return render_firmware(query_firmware(moment.snapshots))


def _nic(options: Options, moment: Moment) -> str:
    from hl_smi.query.nic import query_ports
    from hl_smi.render.nic import render_links, render_ports, render_statistics

    render = {"ports": render_ports, "link": render_links, "stats": render_statistics}[options.nic_view or "link"]
    devices = query_ports(moment.snapshots, options.ports, is_external_default=options.nic_view != "link")
    return render(devices, has_headings=options.selector is None)


def _topology(options: Options, moment: Moment) -> str:
    from hl_smi.query.topology import query_affinity, query_matrix
    from hl_smi.render.topology import render_affinity, render_matrix

    if options.is_matrix_shown:
        return render_matrix(query_matrix(moment.snapshots))
    rows = query_affinity(moment.snapshots)
    return render_affinity(rows, options.is_cpu_affinity_shown, options.is_numa_affinity_shown)


_PAGES: dict[Action, Callable[[Options, Moment], str]] = {
    Action.TABLE: _table,
    Action.REPORT: _report,
    Action.FIRMWARE: _firmware,
    Action.NIC: _nic,
    Action.TOPOLOGY: _topology,
}

_HEADED_PAGES: dict[Action, Callable[[Options, Moment, int], str]] = {
    Action.CSV: _csv,
    Action.ROW_REPLACEMENT: _row_replacement,
    Action.PROCESSES: _processes,
    Action.STREAM: _stream,
}
