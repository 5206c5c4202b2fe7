"""CSV against the published outputs, and the rules that its readers rely on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hl_smi.argv import parse
from hl_smi.fields import FIELDS, Reading
from hl_smi.query.csv import columns, query_csv
from hl_smi.render.csv import render_csv

_COUNT = 9


def typed(cell: str, unit: str | None, has_units: bool) -> int | str:
    """The value that a published cell shows."""
    if unit is None:
        return cell
    return int(cell.removesuffix(f" {unit}")) if has_units else int(cell)


def test_golden_file_has_the_expected_count(samples: Callable[..., Any]) -> None:
    assert len(samples("csv.txt")) == _COUNT


@pytest.mark.parametrize("number", range(_COUNT))
def test_published_csv_is_reproduced_byte_for_byte(samples: Callable[..., Any], number: int) -> None:
    sample = samples("csv.txt")[number]
    options = parse(sample.title.split("hl-smi ")[1].split())
    shown = columns(options.fields)
    lines = sample.text.splitlines()[1:] if options.has_header else sample.text.splitlines()
    rows = [
        tuple(typed(cell, unit, options.has_units) for cell, (_, unit) in zip(line.split(", "), shown, strict=True))
        for line in lines
    ]
    assert render_csv(shown, rows, options.has_header, options.has_units) == sample.text


def test_every_field_has_a_value_and_one_column(
    make_snapshot: Callable[..., Any], make_box: Callable[..., Any]
) -> None:
    reading = Reading(make_box(), make_snapshot(), "Tue Aug  2 20:16:52 UTC 2022")
    names = tuple(FIELDS)
    (row,) = query_csv(names, (reading,))
    assert [name for name, value in zip(names, row, strict=True) if value is None] == ["ecc.errors.hbm.sram.critical"]
    text = render_csv(columns(names), (row,), has_header=True, has_units=True)
    header, line, end = text.split("\n")
    assert end == "" and len(header.split(", ")) == len(line.split(", ")) == len(names)
    assert line.startswith(
        "Tue Aug  2 20:16:52 UTC 2022, HL-225, 0000:43:00.0, 1.24.1-b336d5e, 30 C, 0, 0 %, 98304 MiB"
    )


@pytest.mark.parametrize("has_units", [True, False])
def test_header_keeps_units(has_units: bool) -> None:
    text = render_csv(columns(("index", "memory.used")), ((0, 768),), has_header=True, has_units=has_units)
    assert text == "index, memory.used [MiB]\n0, 768" + (" MiB" if has_units else "") + "\n"


def test_missing_value_has_no_unit() -> None:
    assert render_csv((("power.draw", "W"),), ((None,),), has_header=False, has_units=True) == "N/A\n"


def test_lost_card_keeps_its_identity(make_snapshot: Callable[..., Any], make_box: Callable[..., Any]) -> None:
    reading = Reading(make_box(), make_snapshot(is_lost=True), "")
    names = ("index", "uuid", "memory.total", "memory.used", "temperature.aip", "power.draw", "pcie.link.gen.current")
    (row,) = query_csv(names, (reading,))
    assert row == (0, "01P0-HL2080A0-15-TF8A81-09-07-06", 98304, None, None, None, None)


def test_comma_in_a_name_makes_no_column() -> None:
    assert render_csv((("name", None),), (("a, b\n",),), has_header=False, has_units=True) == "a; b\n"
