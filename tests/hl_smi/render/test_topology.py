"""topo against the published outputs and their readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hl_smi.query.topology import AffinityRow, query_affinity
from hl_smi.render.topology import render_affinity

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
