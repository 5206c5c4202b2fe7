"""Plans: several tests in a row, as TOML. Built in are quick, medium and long; users write their own.

title = "..."
settle = 5                 # box seconds between two tests, so that one does not heat the next one's cards
[[test]]
command = "-s -t 120"      # words of the command line that choose the test; cards come from the real one
repeat = 3                 # optional
"""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from hl_qual.errors import UsageError

__all__ = ["BUILT_IN", "Plan", "load_plan"]

BUILT_IN = ("quick", "medium", "long")
_LONGEST_SETTLE_S = 3600


@dataclass(frozen=True, slots=True)
class Plan:
    """`tests` are the words of each test, in order, repetitions written out."""

    name: str
    title: str
    settle_s: float
    tests: tuple[tuple[str, ...], ...]


def load_plan(name: str) -> Plan:
    """A built-in plan, or a file. UsageError names file, key and reason."""
    if name in BUILT_IN:
        return _plan(name, resources.files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"), name)
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"--plan {name!r} is neither one of {', '.join(BUILT_IN)} nor a file ({reason})") from error
    return _plan(Path(name).stem, text, name)


def _plan(name: str, text: str, path: str) -> Plan:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {error}") from error
    _only(values, ("title", "settle", "test"), path)
    settle = values.get("settle", 0)
    if not isinstance(settle, int | float) or not 0 <= settle <= _LONGEST_SETTLE_S:
        raise UsageError(f"{path}: settle = {settle!r}, expected seconds from 0 to {_LONGEST_SETTLE_S}")
    entries = values.get("test")
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"{path}: there is no [[test]]")
    tests: list[tuple[str, ...]] = []
    for number, entry in enumerate(entries, 1):
        tests += _test(entry, f"{path}: test {number}")
    return Plan(name, str(values.get("title", name)), float(settle), tuple(tests))


def _test(entry: Any, place: str) -> list[tuple[str, ...]]:
    if not isinstance(entry, dict):
        raise UsageError(f"{place}: expected a table with command")
    _only(entry, ("command", "repeat"), place)
    command, repeat = entry.get("command"), entry.get("repeat", 1)
    if not isinstance(command, str) or not command.strip():
        raise UsageError(f"{place}: command is missing")
    if not isinstance(repeat, int) or isinstance(repeat, bool) or not 1 <= repeat <= 10000:
        raise UsageError(f"{place}: repeat = {repeat!r}, expected a whole number from 1 to 10000")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"{place}: command: {error}") from error
    return [tuple(words)] * repeat


def _only(values: dict[str, Any], known: Collection[str], place: str) -> None:
    for key in values:
        if key not in known:
            raise UsageError(f"{place}: unknown key {key!r}, known: {', '.join(known)}")
