"""Reading facts out of TOML: value, unit, basis and source of each, into typed dataclasses.

A fact is an inline table; a row of an array of tables carries basis and source once:

    clock_mhz = { value = 1650, unit = "MHz", basis = "published", source = "..." }

A field of a dataclass names its key. Everything that does not fit is a SpecError with file, key and reason. What the
numbers mean belongs to spec.py and to the other readers of such files.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args, get_origin, get_type_hints

from device.errors import SpecError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Basis", "Fact", "FactFile", "may_be_zero"]

Section = TypeVar("Section", bound="DataclassInstance")

# Whole numbers of the card state have 64 bits.
_INTEGER_MAX = 2**64

_FACT_KEYS = {"value", "unit", "basis", "source"}
_ROW_KEYS = {"basis", "source"}

# Longer suffixes first: the first one that matches decides.
_UNIT_OF_SUFFIX = {
    "_bytes_per_s": "B/s",
    "bytes_per_cycle": "B/cycle",
    "_bytes": "B",
    "_cycles": "cycles",
    "_gbps": "Gb/s",
    "_mhz": "MHz",
    "_ns": "ns",
}


class Basis(enum.StrEnum):
    """How a number came about; docs and tools print it beside the number."""

    PUBLISHED = "published"
    FITTED = "fitted"
    DERIVED = "derived"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Fact:
    value: bool | int | float | str
    unit: str
    basis: Basis
    source: str


def may_be_zero() -> int:
    """A field whose number may be 0; all others have to be above it."""
    field: int = dataclasses.field(metadata={"may_be_zero": True})
    return field


class FactFile:
    """One TOML file; `facts` collects what was read, by dotted key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.facts: dict[str, Fact] = {}
        try:
            self._root: Mapping[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SpecError(f"{path}: cannot be read: {error.strerror}") from error
        except (ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
            raise SpecError(f"{path}: not a TOML file: {error}") from error

    def error(self, key: str, reason: str) -> SpecError:
        return SpecError(f"{self.path}: {key}: {reason}")

    def section(self, kind: type[Section], name: str, parts: Mapping[str, object] | None = None) -> Section:
        """A table of facts as `kind`; `parts` are fields that were read from tables of their own."""
        given = dict(parts or {})
        table = self.table(name)
        fields = [field for field in dataclasses.fields(kind) if field.name not in given]
        self._refuse_unknown(table, {field.name for field in fields} | set(given), name)
        hints = get_type_hints(kind)
        for field in fields:
            key = f"{name}.{field.name}"
            fact = self._fact(table, field.name, key)
            given[field.name] = self._typed(fact.value, hints[field.name], key, "may_be_zero" in field.metadata)
            self.facts[key] = fact
        return _make(kind, given)

    def rows(self, kind: type[Section], name: str, row_name: str) -> tuple[Section, ...]:
        """An array of tables as `kind`; the field `row_name` names a row in messages."""
        table_name, _, key = name.rpartition(".")
        rows = self.table(table_name).get(key)
        if not isinstance(rows, list) or not rows:
            raise self.error(name, "needs at least one row")
        return tuple(self._row(kind, row, f"{name}[{index}]", row_name) for index, row in enumerate(rows))

    def positive_int(self, table_name: str, name: str) -> int:
        """One fact of a table whose keys are not known beforehand."""
        key = f"{table_name}.{name}"
        fact = self._fact(self.table(table_name), name, key)
        value = self._typed(fact.value, int, key, False)
        assert isinstance(value, int)
        self.facts[key] = fact
        return value

    def table(self, name: str) -> Mapping[str, object]:
        found: object = self._root
        for part in name.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            raise self.error(name, "table is missing")
        return found

    def _row(self, kind: type[Section], row: object, key: str, row_name: str) -> Section:
        if not isinstance(row, dict):
            raise self.error(key, "is not a table")
        fields = {field.name: field for field in dataclasses.fields(kind)}
        self._refuse_unknown(row, set(fields) | _ROW_KEYS, key)
        hints = get_type_hints(kind)
        given: dict[str, object] = {}
        for name, field in fields.items():
            if name in row:
                given[name] = self._typed(row[name], hints[name], f"{key}.{name}", False)
            elif field.default is dataclasses.MISSING:
                raise self.error(f"{key}.{name}", "is missing")
        label = str(given[row_name])
        self.facts[key] = Fact(label, "", self._basis(row, key), self._text(row, "source", key))
        return _make(kind, given)

    def _fact(self, table: Mapping[str, object], name: str, key: str) -> Fact:
        entry = table.get(name)
        if entry is None:
            raise self.error(key, "is missing")
        if not isinstance(entry, dict) or set(entry) != _FACT_KEYS:
            raise self.error(key, "has to be { value, unit, basis, source }")
        value = entry["value"]
        if not isinstance(value, bool | int | float | str):
            raise self.error(key, f"value {value!r} is neither number, text nor truth value")
        unit = entry["unit"]
        expected = next((unit for suffix, unit in _UNIT_OF_SUFFIX.items() if name.endswith(suffix)), unit)
        if not isinstance(unit, str) or unit != expected:
            raise self.error(key, f"unit is {unit!r}, the name asks for {expected!r}")
        return Fact(value, unit, self._basis(entry, key), self._text(entry, "source", key))

    def _basis(self, entry: Mapping[str, object], key: str) -> Basis:
        text = self._text(entry, "basis", key)
        if text not in {basis.value for basis in Basis}:
            raise self.error(key, f"basis {text!r} is none of {', '.join(Basis)}")
        return Basis(text)

    def _text(self, entry: Mapping[str, object], name: str, key: str) -> str:
        text = entry.get(name)
        if not isinstance(text, str) or not text:
            raise self.error(key, f"{name} is missing")
        return text

    def _typed(self, value: object, hint: object, key: str, zero_allowed: bool) -> object:
        if get_origin(hint) is tuple:
            return self._texts(value, key)
        options = [option for option in get_args(hint) or (hint,) if option is not type(None)]
        wanted = options[0]
        if isinstance(wanted, type) and issubclass(wanted, enum.Enum):
            return self._member(value, wanted, key)
        if isinstance(value, int) and abs(value) > _INTEGER_MAX:
            raise self.error(key, "is a number beyond all that a card can have")
        if wanted is float and type(value) is int:
            value = float(value)
        if type(value) is not wanted:
            raise self.error(key, f"{value!r} is not of type {getattr(wanted, '__name__', wanted)}")
        if isinstance(value, int | float) and not isinstance(value, bool):
            self._check_range(value, key, zero_allowed)
        return value

    def _texts(self, value: object, key: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(key, f"{value!r} is not a list of names")
        return tuple(value)

    def _member(self, value: object, kind: type[enum.Enum], key: str) -> enum.Enum:
        for member in kind:
            if member.value == value:
                return member
        raise self.error(key, f"{value!r} is none of {', '.join(str(member.value) for member in kind)}")

    def _check_range(self, value: float, key: str, zero_allowed: bool) -> None:
        if not math.isfinite(value) or value < 0 or (value == 0 and not zero_allowed):
            raise self.error(key, f"{value!r} is not {'0 or more' if zero_allowed else 'above 0'}")
        if key.endswith("efficiency") and value > 1:
            raise self.error(key, f"{value!r} is above 1")

    def _refuse_unknown(self, table: Mapping[str, object], known: set[str], key: str) -> None:
        unknown = sorted(set(table) - known)
        if unknown:
            raise self.error(f"{key}.{unknown[0]}", f"is unknown here; known are {', '.join(sorted(known))}")


def _make(kind: type[Section], fields: Mapping[str, object]) -> Section:
    constructor: Callable[..., Section] = kind
    return constructor(**fields)
