"""The table against every published one, and its geometry for values that nobody published."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from published_tables import TITLES, parsed_table, repaired

from hl_smi.query.table import CardRow, ProcessRow, Table
from hl_smi.render.table import render_table
from hl_smi.render.table_layout import LAYOUTS, layout_of


def card(**changes: Any) -> CardRow:
    values: dict[str, Any] = {
        "index": 0,
        "name": "HL-225",
        "bus_id": "0000:43:00.0",
        "uncorrected_errors": 0,
        "temp_c": 30,
        "performance_state": 0,
        "power_w": 81,
        "cap_w": 600,
        "used_mib": 768,
        "total_mib": 98304,
        "memory_percent": 0,
        "utilization_percent": 0,
    }
    return CardRow(**(values | changes))


def table_of(cards: tuple[CardRow, ...], processes: tuple[ProcessRow, ...] = ()) -> Table:
    return Table("hl-1.24.1-fw-62.6.2.0", "1.24.1-b336d5e", "1.24.1-b336d5e", cards, processes)


def test_golden_file_has_the_expected_tables(samples: Callable[..., Any]) -> None:
    assert [" ".join(sample.words[:2]) for sample in samples("tables.txt")] == list(TITLES)


@pytest.mark.parametrize("title", TITLES)
def test_published_table_is_reproduced_byte_for_byte(samples: Callable[..., Any], title: str) -> None:
    sample = next(sample for sample in samples("tables.txt") if sample.title.startswith(f"{title} "))
    table = parsed_table(sample.text)
    assert f"devices={len(table.cards)}" in sample.words
    rendered = render_table(table, layout_of(sample.words[1]))
    if "note=published-without-process-section" in sample.words:
        rendered = rendered[: len(sample.text)]
    assert rendered == repaired(sample.text)


@pytest.mark.parametrize(
    ("release", "first"),
    [("1.4", 4), ("1.6.0", 4), ("1.18", 12), ("1.20.0", 20), ("1.23", 21), ("1.24", 21), ("1.3", 4), ("next", 21)],
)
def test_layout_is_the_newest_that_the_release_can_have(release: str, first: int) -> None:
    assert layout_of(release).first_release == (1, first)


_NUMBERS = st.none() | st.integers(min_value=0, max_value=2**64 - 1)
_NAMES = st.text(max_size=40)


@given(
    name=_NAMES,
    comm=_NAMES,
    bus_id=_NAMES,
    errors=_NUMBERS,
    temp=_NUMBERS,
    power=_NUMBERS,
    used=_NUMBERS,
    pid=st.integers(min_value=1, max_value=2**31),
    layout=st.sampled_from(LAYOUTS),
)
def test_no_value_breaks_the_geometry(
    name: str, comm: str, bus_id: str, errors: int, temp: int, power: int, used: int, pid: int, layout: Any
) -> None:
    row = card(name=name, bus_id=bus_id, uncorrected_errors=errors, temp_c=temp, power_w=power, used_mib=used)
    text = render_table(table_of((row, card()), (ProcessRow(0, pid, comm, used), ProcessRow(1))), layout)
    lines = text.split("\n")
    assert lines.pop() == ""
    assert {len(line) for line in lines} == {79}
    assert text.isascii() and "\t" not in text
    for line in lines:
        assert line[0] in "|+" and line[-1] in "|+"
    if layout.is_memory_percent_shown:
        identity, measured = lines[8], lines[9]
        assert {identity[32], identity[55], measured[32], measured[55]} == {"|"}


def test_absurd_temperature_is_shown_and_not_cut() -> None:
    text = render_table(table_of((card(temp_c=505712272),)), LAYOUTS[-1])
    assert "505712272C" in text
    assert {len(line) for line in text.splitlines()} == {79}


def test_lost_card_shows_missing_values() -> None:
    gone = card(
        uncorrected_errors=None,
        temp_c=None,
        performance_state=None,
        power_w=None,
        cap_w=None,
        used_mib=None,
        memory_percent=None,
        utilization_percent=None,
    )
    line = render_table(table_of((gone,)), LAYOUTS[-1]).split("\n")[9]
    assert line == "| N/A   N/A   N/A  N/A /   N/A  |      N/A /  98304MiB |    N/A           N/A |"


def test_process_name_with_blanks_and_newline_stays_one_column() -> None:
    text = render_table(table_of((card(),), (ProcessRow(0, 42, "my  proc\n\x1b[31m", 5),)), LAYOUTS[-1])
    row = text.splitlines()[-2]
    assert re.split(r" {2,}", row.strip("| ")) == ["0", "42", "C", "my proc ?[31m", "5MiB"]
