"""Columns and rows of -Q/--query-aip. Called by `pages`; drawn by `render.csv`."""

from __future__ import annotations

from collections.abc import Sequence

from hl_smi.fields import FIELDS, Field, Reading, Value

__all__ = ["columns", "query_csv"]


def columns(names: Sequence[str]) -> tuple[tuple[str, str | None], ...]:
    """Name and unit of each asked field."""
    return tuple((FIELDS[name].name, FIELDS[name].unit) for name in names)


def query_csv(names: Sequence[str], readings: Sequence[Reading]) -> tuple[tuple[Value, ...], ...]:
    """One row a reading, one value a name."""
    fields = tuple(FIELDS[name] for name in names)
    return tuple(tuple(_value(field, reading) for field in fields) for reading in readings)


def _value(field: Field, reading: Reading) -> Value:
    if field.is_live and reading.card.is_lost:
        return None
    return field.value(reading)
