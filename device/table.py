"""Rows as text in columns."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["render_table"]


def render_table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns as wide as they have to be; numbers to the right."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max([len(title), *(len(row[i]) for row in texts)]) for i, title in enumerate(titles)]
    is_number = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(titles))]

    def line(cells: Sequence[str]) -> str:
        parts = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, is_number, strict=True)
        ]
        return "  ".join(parts).rstrip()

    return "\n".join([line(titles), *(line(row) for row in texts)])
