"""Every number that a verdict is compared with: one TOML file a device family, each value with basis and source.

A user overrides values with the plugin INI (positional argument): one section per test, `name = value`.
"""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from hl_qual.errors import UsageError

__all__ = ["Limit", "Limits", "load_limits", "overridden"]

BASES = ("published", "derived", "fitted", "assumed", "user")


@dataclass(frozen=True, slots=True)
class Limit:
    """One number. `basis` is published, derived, fitted, assumed, or user (from an INI)."""

    value: float
    unit: str
    basis: str
    source: str


Limits = Mapping[str, Mapping[str, Limit]]


def load_limits(family: str) -> Limits:
    """Limits of a family by section and name; empty if there is no file for it."""
    file = resources.files(__name__).joinpath(f"{family}.toml")
    if not file.is_file():
        return {}
    sections = tomllib.loads(file.read_text(encoding="utf-8"))
    return {section: {name: Limit(**entry) for name, entry in entries.items()} for section, entries in sections.items()}


def overridden(limits: Limits, ini_text: str, path: str) -> Limits:
    """`limits` with the values of an INI; UsageError for a section, name or value that does not fit."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(ini_text, source=path)
    except configparser.Error as error:
        raise UsageError(f"{path}: {str(error).splitlines()[0]}") from error
    result = {section: dict(entries) for section, entries in limits.items()}
    for section in parser.sections():
        if section not in result:
            raise UsageError(f"{path}: unknown section [{section}], known: {', '.join(sorted(result))}")
        for name, text in parser[section].items():
            result[section][name] = _override(result[section].get(name), text, f"{path}: [{section}] {name}")
    return result


def _override(old: Limit | None, text: str, place: str) -> Limit:
    if old is None:
        raise UsageError(f"{place} is not a limit")
    try:
        return Limit(float(text), old.unit, "user", place)
    except ValueError as error:
        raise UsageError(f"{place}: {text!r} is not a number") from error
