"""From a snapshot to the rows of the table: rails, floors, processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl_smi.query.table import ProcessRow, query_table
from hl_smi.query.units import celsius, memory_mib, memory_percent, watts
from hlml.types import EccCounters, ProcessInfo

MIB = 1024 * 1024


def test_power_is_the_sum_of_both_rails(make_snapshot: Callable[..., Any], make_box: Callable[..., Any]) -> None:
    card = make_snapshot(power_54v_mw=50_400, power_12v_mw=26_500, power_54v_limit_mw=500_000)
    (row,) = query_table(make_box(), (card,)).cards
    assert (row.power_w, row.cap_w) == (50 + 27, 550)


def test_uncorrected_errors_are_the_volatile_ones_of_both_memories(
    make_snapshot: Callable[..., Any], make_box: Callable[..., Any]
) -> None:
    card = make_snapshot(ecc_hbm=EccCounters(1, 2, 3, 4), ecc_sram=EccCounters(10, 20, 30, 40))
    (row,) = query_table(make_box(), (card,)).cards
    assert row.uncorrected_errors == 33


def test_version_in_the_table_has_no_build_date(make_box: Callable[..., Any]) -> None:
    assert query_table(make_box(), ()).tool_version == "hl-1.24.1-fw-62.6.2.0"


@pytest.mark.parametrize(
    ("processes", "expected"),
    [
        ((), [ProcessRow(0)]),
        ((ProcessInfo(None, None, 7, 5 * MIB),), [ProcessRow(0)]),
        # The one process has what is used above the idle level, as published: 27098 - 768 = 26330.
        ((ProcessInfo(618796, "ray::ServeRepli", 0, 5 * MIB),), [ProcessRow(0, 618796, "ray::ServeRepli", 26330)]),
        (
            (ProcessInfo(9, "b", 0, 2 * MIB), ProcessInfo(None, None, 7, MIB), ProcessInfo(8, None, 0, 3 * MIB)),
            [ProcessRow(0, 8, None, 3), ProcessRow(0, 9, "b", 2)],
        ),
    ],
)
def test_process_rows(
    make_snapshot: Callable[..., Any], make_box: Callable[..., Any], processes: Any, expected: list[ProcessRow]
) -> None:
    card = make_snapshot(memory_used_bytes=27098 * MIB, processes=processes)
    assert list(query_table(make_box(), (card,)).processes) == expected


def test_lost_card_keeps_identity_only(make_snapshot: Callable[..., Any], make_box: Callable[..., Any]) -> None:
    (row,) = query_table(make_box(), (make_snapshot(is_lost=True),)).cards
    assert (row.name, row.bus_id, row.total_mib) == ("HL-225", "0000:43:00.0", 98304)
    assert (row.temp_c, row.power_w, row.used_mib, row.utilization_percent) == (None, None, None, None)


@given(total=st.integers(min_value=0, max_value=2**45), used=st.integers(min_value=0, max_value=2**45))
def test_memory_adds_up_in_mib(total: int, used: int) -> None:
    total_mib, used_mib, free_mib = memory_mib(total, min(used, total))
    assert used_mib + free_mib == total_mib and free_mib >= 0


def test_rounding_as_published() -> None:
    assert [watts(power) for power in (26_499, 26_500, 0)] == [26, 27, 0]
    assert [celsius(temp) for temp in (29.99, 30.0)] == [29, 30]
    assert [memory_percent(used, 98304) for used in (94963, 17538, 0)] == [96, 17, 0]
    assert memory_percent(0, 0) == 0
