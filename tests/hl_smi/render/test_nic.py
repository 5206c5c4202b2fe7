"""-n ports, -n link and -n stats, with the port layout of an HL-288E and of an HL-225."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hl_smi.errors import RunError
from hl_smi.query.nic import query_ports
from hl_smi.render.nic import render_links, render_ports, render_statistics
from hlml.types import PORT_COUNTER_NAMES, PortState

# 1.23, HL-288E: ports 0-5 and 10-21, published with blanks where the tool prints a TAB.
PUBLISHED_LINK = "".join(f"port {port:2d}:        UP\n" for port in (*range(6), *range(10, 22)))


def test_published_links_of_hl_288e(make_snapshot: Callable[..., Any]) -> None:
    ports = tuple(PortState(port, False, port < 6 or 10 <= port < 22, True) for port in range(24))
    card = make_snapshot(ports=ports)
    text = render_links(query_ports((card,), None, is_external_default=False), has_headings=False)
    # After `port 10:`, eight columns wide, the TAB reaches column 16.
    assert text.expandtabs(8) == PUBLISHED_LINK


def test_eight_cards_have_168_internal_links(make_snapshot: Callable[..., Any]) -> None:
    cards = tuple(make_snapshot(index=index) for index in range(8))
    text = render_links(query_ports(cards, None, is_external_default=False), has_headings=True)
    assert sum("UP" in line for line in text.splitlines()) == 168
    assert "[7] AIP (accel0) 0000:43:00.0\n" in text


def test_ports_are_read_by_health_screens(make_snapshot: Callable[..., Any]) -> None:
    text = render_ports(query_ports((make_snapshot(),), None, is_external_default=True), has_headings=False)
    rows = [line.split(":") for line in text.splitlines()]
    assert all(len(row) == 2 for row in rows)
    assert [int(row[0].split(" ")[1]) for row in rows] == list(range(24))
    assert [port for port, row in enumerate(rows) if "external" in row[1]] == [8, 22, 23]


def test_port_list_may_name_external_ports(make_snapshot: Callable[..., Any]) -> None:
    (device,) = query_ports((make_snapshot(),), (22, 3, 3), is_external_default=False)
    assert [port.port for port in device.ports] == [3, 22]


def test_unknown_port_is_named(make_snapshot: Callable[..., Any]) -> None:
    with pytest.raises(RunError, match="no port 24; ports: 0,1"):
        query_ports((make_snapshot(),), (24,), is_external_default=False)


def test_lost_card_has_no_link(make_snapshot: Callable[..., Any]) -> None:
    (device,) = query_ports((make_snapshot(is_lost=True),), None, is_external_default=False)
    assert not any(port.is_up for port in device.ports)


def test_statistics_are_one_colon_a_line_behind_their_port(make_snapshot: Callable[..., Any]) -> None:
    text = render_statistics(query_ports((make_snapshot(),), (3, 8), is_external_default=True), has_headings=False)
    lines = text.splitlines()
    rows = len(PORT_COUNTER_NAMES) + 1
    assert len(lines) == 2 * rows
    assert lines[0] == "port 3:" and lines[rows] == "port 8:"
    assert lines[1:3] == ["\tpcs_local_faults: 3", "\tpcs_remote_faults: 2"]
    assert lines[rows + 1] == "\tpcs_local_faults: 0"
    assert all(line.count(":") == 1 for line in lines)


def test_statistics_have_external_ports_too(make_snapshot: Callable[..., Any]) -> None:
    text = render_statistics(query_ports((make_snapshot(),), None, is_external_default=True), has_headings=True)
    assert text.count("port ") == 24


def test_lost_card_has_no_counters(make_snapshot: Callable[..., Any]) -> None:
    devices = query_ports((make_snapshot(is_lost=True),), (3,), is_external_default=True)
    assert render_statistics(devices, has_headings=False).count(": N/A\n") == len(PORT_COUNTER_NAMES)
