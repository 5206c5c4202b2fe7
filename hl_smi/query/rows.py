"""Columns and rows of --query-row-replacement: one row for each row of HBM that was or will be replaced.

The vendor documents neither layout nor all types; rows and columns follow the rules of -Q. Drawn by `render.csv`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hlml.types import RowReplacementCause

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hlml.types import DeviceSnapshot, ReplacedRow

__all__ = ["CAUSE_TEXT", "address_text", "query_rows"]

CAUSE_TEXT = {
    RowReplacementCause.MULTIPLE_SINGLE_BIT_ECC_ERRORS: "Single Bit ECC",
    RowReplacementCause.DOUBLE_BIT_ECC_ERROR: "Double Bit ECC",
}

_VALUES: dict[str, Callable[[DeviceSnapshot, ReplacedRow, bool], str]] = {
    "uuid": lambda card, row, is_pending: card.uuid,
    "replaced_rows.address": lambda card, row, is_pending: address_text(row),
    "replaced_rows.cause": lambda card, row, is_pending: CAUSE_TEXT[row.cause],
    "replaced_rows.pending": lambda card, row, is_pending: "Yes" if is_pending else "No",
}


def query_rows(names: Sequence[str], snapshots: Sequence[DeviceSnapshot]) -> tuple[tuple[str, ...], ...]:
    """The asked `names` of every row of every card; rows in force before those that wait for a reset."""
    rows = [
        (card, row, is_pending)
        for card in snapshots
        for is_pending, group in ((False, card.replaced_rows), (True, card.pending_rows))
        for row in group
    ]
    return tuple(tuple(_VALUES[name](*row) for name in names) for row in rows)


def address_text(row: ReplacedRow) -> str:
    """All parts of the address, in the order of hlml_row_address_t; without a comma, which would make a column."""
    return f"hbm {row.hbm} pc {row.pseudo_channel} sid {row.stack_id} bank {row.bank} row 0x{row.row:04x}"
