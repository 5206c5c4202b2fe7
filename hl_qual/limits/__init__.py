"""Every number that a verdict is compared with, in TOML files, each value with unit, basis and source.

common.toml holds what is the same for all, <family>.toml and then <card>.toml come on top, value by value. A user
overrides values with the plugin INI (positional argument): one section per test, `name = value`.
"""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from hl_qual.errors import UsageError

__all__ = ["FAMILIES", "Limit", "Limits", "cards_with_limits", "load_limits", "overridden", "with_plugin_limits"]

BASES = ("published", "derived", "fitted", "assumed", "user")
FAMILIES = ("gaudi", "gaudi2", "gaudi3")
_COMMON = "common"


@dataclass(frozen=True, slots=True)
class Limit:
    """One number. `basis` is published, derived, fitted, assumed, or user (from an INI)."""

    value: float
    unit: str
    basis: str
    source: str


Limits = Mapping[str, Mapping[str, Limit]]


def load_limits(family: str, card: str | None = None) -> Limits:
    """Limits by section and name of a card (by its name, such as HL-288E), or of the first card of its family.

    Empty for an unknown family.
    """
    if family not in FAMILIES:
        return {}
    result: dict[str, dict[str, Limit]] = {}
    for name in (_COMMON, family, *([] if card is None else [_stem(card)])):
        for section, entries in _sections(name).items():
            result.setdefault(section, {}).update({key: Limit(**entry) for key, entry in entries.items()})
    return result


def with_plugin_limits(limits: Limits, plugin: str, own: Mapping[str, Limit]) -> Limits:
    """`limits` with the section that a plugin brings itself; what is there already stays."""
    return {**limits, plugin: {**own, **limits.get(plugin, {})}}


def cards_with_limits() -> tuple[str, ...]:
    """Stems of the files that belong to a card, such as hl288e."""
    stems = {file.name.removesuffix(".toml") for file in resources.files(__name__).iterdir() if ".toml" in file.name}
    return tuple(sorted(stems - {_COMMON, *FAMILIES}))


def _stem(card: str) -> str:
    return card.lower().replace("-", "")


def _sections(stem: str) -> dict[str, dict[str, dict[str, Any]]]:
    file = resources.files(__name__).joinpath(f"{stem}.toml")
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


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
