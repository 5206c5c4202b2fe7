"""CSV of -Q: cells joined by a comma and one blank, one line a row, no quoting. Pure.

`nounits` takes the unit from the values and leaves it in the header, as the real tool does.
"""

from __future__ import annotations

from collections.abc import Sequence

from hl_smi.render.text import MISSING, one_line

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hl_smi.fields import Value

__all__ = ["render_csv"]

_SEPARATOR = ", "


def render_csv(
    columns: Sequence[tuple[str, str | None]], rows: Sequence[Sequence[Value]], has_header: bool, has_units: bool
) -> str:
    """Header (if asked for) and rows. `columns` are (name, unit or None)."""
    lines = [_SEPARATOR.join(_title(name, unit) for name, unit in columns)] if has_header else []
    units = [unit if has_units else None for _, unit in columns]
    lines += [_SEPARATOR.join(_cell(value, unit) for value, unit in zip(row, units, strict=True)) for row in rows]
    return "".join(f"{line}\n" for line in lines)


def _title(name: str, unit: str | None) -> str:
    return name if unit is None else f"{name} [{unit}]"


def _cell(value: Value, unit: str | None) -> str:
    if value is None:
        return MISSING
    if isinstance(value, int):
        return str(value) if unit is None else f"{value} {unit}"
    # Nothing is quoted, so a comma in a name would make a column.
    return one_line(value).replace(",", ";") or MISSING
