"""The table of functions, csrc/hlml_functions.toml, as the generators of docs read it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORDS = {"answered": "answers", "not-supported": "NOT_SUPPORTED by the card", "not-yet": "not yet"}


@dataclass(frozen=True)
class Function:
    """One function; the fields are explained at the head of the TOML file."""

    name: str
    group: str
    since: str
    status: str
    unit: str
    state: str
    errors: str
    meaning: str

    @property
    def level(self) -> str:
        """The first ABI level that has it."""
        levels = ("1.6", "1.12", "1.18", "1.19")
        return next((level for level in reversed(levels) if _order(level) <= _order(self.since)), levels[0])


def _order(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))


def functions() -> tuple[Function, ...]:
    """In the order of the file, group by group."""
    table: Mapping[str, Mapping[str, str]] = tomllib.loads((ROOT / "csrc/hlml_functions.toml").read_text("utf-8"))
    return tuple(Function(name, **row) for name, row in table.items())
