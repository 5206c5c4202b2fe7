"""The report against the published one, and the places where programs look for things."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from hl_smi.query.report import query_report
from hl_smi.render.report import key_value, render_report
from hl_smi.switches import SECTIONS
from hlml.types import ReplacedRow, RowReplacementCause, ThrottleReason

TIMESTAMP = "Thu Nov 16 04:54:24 UTC 2023"


@pytest.fixture
def box_1_12(make_box: Callable[..., Any]) -> Any:
    return make_box(
        release="1.12",
        driver_version="1.12.1-cb7a7bc",
        hlml_version="hl-1.12.1-fw-46.0.5.0 (Oct 19 2023 - 01:19:50)",
    )


def test_published_report_is_reproduced_byte_for_byte(
    samples: Callable[..., Any], make_snapshot: Callable[..., Any], box_1_12: Any
) -> None:
    (sample,) = samples("report.txt")
    # The published 12 V rail draws 31 W; the card's fixture has 30.5 W, which rounds to it.
    report = query_report(box_1_12, (make_snapshot(),), 8, TIMESTAMP, None)
    assert render_report(report) == sample.text


def test_colon_stands_at_column_40(make_snapshot: Callable[..., Any], make_box: Callable[..., Any]) -> None:
    text = render_report(query_report(make_box(), (make_snapshot(),) * 2, 2, TIMESTAMP, None))
    for line in text.expandtabs(8).splitlines():
        if ": " in line:
            assert line.index(":", 40) == 40, line


def test_wide_key_and_empty_value_keep_the_colon() -> None:
    assert key_value(4, "A very long key", "x").expandtabs(8)[40:] == ": x"
    assert key_value(1, "Model Number", "") == "\tModel Number                    : N/A"
    assert key_value(1, "Model Number", "a\nb\n") == "\tModel Number                    : a b"


@pytest.mark.parametrize("section", SECTIONS)
def test_section_is_part_of_the_whole_report(
    make_snapshot: Callable[..., Any], make_box: Callable[..., Any], section: str
) -> None:
    def lines(chosen: str | None) -> list[str]:
        text = render_report(query_report(make_box(), (make_snapshot(),), 8, TIMESTAMP, chosen))
        return text.splitlines()

    part, whole = lines(section), lines(None)
    assert part[:10] == whole[:10]  # header and the card's line
    rest = iter(whole[10:])
    assert part[10:] and all(line in rest for line in part[10:])


def test_sections_together_are_the_whole_report(
    make_snapshot: Callable[..., Any], make_box: Callable[..., Any]
) -> None:
    def count(chosen: str | None) -> int:
        (device,) = query_report(make_box(), (make_snapshot(),), 8, TIMESTAMP, chosen).devices
        return len(device.lines)

    assert sum(count(section) for section in SECTIONS) == count(None)


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        (ThrottleReason.NONE, ["Not Active", "Not Active", "Not Active"]),
        (ThrottleReason.POWER, ["Active", "Not Active", "Active"]),
        (ThrottleReason.THERMAL, ["Active", "Active", "Not Active"]),
    ],
)
def test_throttle_reasons(
    make_snapshot: Callable[..., Any], make_box: Callable[..., Any], reasons: ThrottleReason, expected: list[str]
) -> None:
    card = make_snapshot(throttle_reasons=reasons)
    text = render_report(query_report(make_box(), (card,), 1, TIMESTAMP, "CLOCK"))
    assert re.findall(r": (Active|Not Active)$", text, re.MULTILINE) == expected


def test_replaced_rows_are_counted_by_cause(make_snapshot: Callable[..., Any], make_box: Callable[..., Any]) -> None:
    rows = tuple(
        ReplacedRow(0, 0, 0, 0, row, RowReplacementCause.DOUBLE_BIT_ECC_ERROR if row else RowReplacementCause(0))
        for row in range(3)
    )
    card = make_snapshot(replaced_rows=rows, is_row_replacement_pending=True)
    text = render_report(query_report(make_box(), (card,), 1, TIMESTAMP, "ROW_REPLACEMENT"))
    values = [line.split(": ")[1] for line in text.splitlines()[-3:]]
    assert values == ["1", "2", "Yes"]


def test_lost_card_tells_who_it_is_and_measures_nothing(
    make_snapshot: Callable[..., Any], make_box: Callable[..., Any]
) -> None:
    card = make_snapshot(is_lost=True, is_operational=False, status="Disabled")
    text = render_report(query_report(make_box(), (card,), 1, TIMESTAMP, None))
    assert re.search(r"Serial Number +: AM50016138$", text, re.MULTILINE)
    assert re.search(r"Module status +: Disabled$", text, re.MULTILINE)
    assert re.findall(r"(?:Power Draw|Used|On Chip 0) +: (.*)", text) == ["N/A"] * 4
