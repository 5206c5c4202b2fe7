"""`hl-smi stream`: fixed columns, two heading lines that begin with #, one line an AIP and moment. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hl_smi.render.text import MISSING

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hl_smi.query.stream import Column

__all__ = ["render_stream"]

_TIME_WIDTH = 12  # 20:16:52.125


def render_stream(
    columns: Sequence[Column], times: Sequence[str], rows: Sequence[Sequence[int | str | None]], has_header: bool
) -> str:
    """Lines of one moment; `times` are the cards' moments as text, one a row."""
    lines = _heading(columns) if has_header else []
    for time, row in zip(times, rows, strict=True):
        cells = (_cell(value, column.width) for value, column in zip(row, columns, strict=True))
        lines.append(f"{time:<{_TIME_WIDTH}}" + "".join(cells))
    return "".join(f"{line}\n" for line in lines)


def _heading(columns: Sequence[Column]) -> list[str]:
    titles = "".join(_cell(column.title, column.width) for column in columns)
    units = "".join(_cell(column.unit, column.width) for column in columns)
    return [f"{'# time':<{_TIME_WIDTH}}{titles}", f"{'#':<{_TIME_WIDTH}}{units}".rstrip()]


def _cell(value: int | str | None, width: int) -> str:
    """Right-justified behind one blank at least, also if the value is wider than its column."""
    return " " + (MISSING if value is None else str(value)).rjust(width)
