"""topo against the published outputs and their readers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from hl_smi.query.topology import AffinityRow, LinkCount, MatrixRow, query_affinity, query_matrix
from hl_smi.render.topology import render_affinity, render_matrix

# As published: TABs shown as blanks.
BOTH = """\
modID   CPU Affinity    NUMA Affinity    
-----   ------------    -------------    
0       0-39, 80-119    0  
1       0-39, 80-119    0  
4       40-79, 120-159          1  
7       40-79, 120-159          1  
"""  # noqa: W291


def test_published_affinity_is_reproduced() -> None:
    cpus = ("0-39, 80-119", "40-79, 120-159")
    rows = [AffinityRow(module, cpus[module >= 4], int(module >= 4)) for module in (0, 1, 4, 7)]
    assert render_affinity(rows, is_cpu_shown=True, is_numa_shown=True).expandtabs(8) == BOTH


def test_numa_rows_are_sorted_and_end_in_a_blank(make_snapshot: Callable[..., Any]) -> None:
    cards = [make_snapshot(module_id=module, numa_node=module // 4) for module in (5, 0, 7, 12)]
    text = render_affinity(query_affinity(cards), is_cpu_shown=False, is_numa_shown=True)
    head, rule, *rows = text.splitlines()
    assert head.split() == ["modID", "NUMA", "Affinity"] and set(rule.split()[0]) == {"-"}
    assert [row.split() for row in rows] == [["0", "0"], ["5", "1"], ["7", "1"], ["12", "3"]]
    assert all(row.endswith(" ") for row in rows)


def test_processors_are_ranges(make_snapshot: Callable[..., Any]) -> None:
    lists = [(*range(40), *range(80, 120)), (3,), (0, 2, 3), ()]
    cards = [make_snapshot(module_id=module, cpu_affinity=cpus) for module, cpus in enumerate(lists)]
    assert [row.cpus for row in query_affinity(cards)] == ["0-39, 80-119", "3", "0, 2-3", None]


def test_matrix_counts_links_by_module(make_snapshot: Callable[..., Any]) -> None:
    base = make_snapshot()
    ports = tuple(dataclasses.replace(port, is_up=port.port != 0) for port in base.ports)
    cards = [make_snapshot(module_id=1, ports=()), make_snapshot(ports=ports), make_snapshot(module_id=9, ports=())]
    first, second, _ = query_matrix(cards)
    assert first.links == (None, LinkCount(3, 2), LinkCount(0, 0))
    assert first.external == LinkCount(3, 3)
    assert second.links == (LinkCount(0, 0), None, LinkCount(0, 0))


def test_matrix_is_drawn_with_a_legend() -> None:
    rows = [
        MatrixRow(0, (None, LinkCount(3, 2)), LinkCount(3, 3), "0-39, 80-119", 0),
        MatrixRow(1, (LinkCount(3, 3), None), LinkCount(0, 0), None, 1),
    ]
    assert render_matrix(rows).split("\n\n")[0].splitlines() == [
        "module      m0     m1    ext  CPU Affinity  NUMA Affinity",
        "m0           X    2/3      3  0-39, 80-119  0",
        "m1           3      X      -  N/A           1",
    ]
    assert "2/3: two of three are up" in render_matrix(rows)
