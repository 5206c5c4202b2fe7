"""--query-row-replacement: a row for each replaced row, by the rules of the CSV."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hl_smi.query.rows import query_rows
from hl_smi.switches import ROW_FIELDS
from hlml.types import ReplacedRow, RowReplacementCause

DOUBLE = ReplacedRow(1, 2, 0, 3, 0x1A2B, RowReplacementCause.DOUBLE_BIT_ECC_ERROR)
SINGLE = ReplacedRow(5, 15, 1, 7, 9, RowReplacementCause.MULTIPLE_SINGLE_BIT_ECC_ERRORS)


def test_every_type_of_every_row(make_snapshot: Callable[..., Any]) -> None:
    cards = [
        make_snapshot(uuid="A", replaced_rows=(DOUBLE,), pending_rows=(SINGLE,)),
        make_snapshot(uuid="B"),
        make_snapshot(uuid="C", replaced_rows=(SINGLE,)),
    ]
    assert query_rows(ROW_FIELDS, cards) == (
        ("A", "hbm 1 pc 2 sid 0 bank 3 row 0x1a2b", "Double Bit ECC", "No"),
        ("A", "hbm 5 pc 15 sid 1 bank 7 row 0x0009", "Single Bit ECC", "Yes"),
        ("C", "hbm 5 pc 15 sid 1 bank 7 row 0x0009", "Single Bit ECC", "No"),
    )


def test_no_cell_has_a_comma(make_snapshot: Callable[..., Any]) -> None:
    (row,) = query_rows(ROW_FIELDS, (make_snapshot(replaced_rows=(DOUBLE,)),))
    assert not any("," in cell for cell in row)
