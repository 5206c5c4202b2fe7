"""A scenario: a time line of loads, faults, heals, resets and clock changes, read from TOML (docs/faults.md).

    name = "a hot aisle"

    [[step]]
    at = "0s"                                     # box time since the start
    load = { cards = "0-3", for = "60s" }

    [[step]]
    at = "20s"
    inject = { cards = "3", fault = "airflow", degree = "30%" }

Every mistake is a SpecError with file, key and reason, before anything happens. play.py carries a scenario out.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from device.errors import DeviceError, SpecError
from device.fault_catalogue import find_fault
from device.fault_commands import Wish

__all__ = [
    "ClockStep",
    "HealStep",
    "InjectStep",
    "LimitStep",
    "LoadStep",
    "ResetStep",
    "Scenario",
    "Step",
    "read_scenario",
]

_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_STEPS_MAX = 10_000

Table = dict[str, object]


@dataclass(frozen=True, slots=True)
class LoadStep:
    """A paced bf16 GEMM on these cards (none: all) for so long."""

    cards: tuple[int, ...]
    duration_s: float
    gemm: tuple[int, int, int]

    def __str__(self) -> str:
        return f"load {_cards_text(self.cards)} with GEMM {'x'.join(map(str, self.gemm))} for {self.duration_s:g} s"


@dataclass(frozen=True, slots=True)
class InjectStep:
    cards: tuple[int, ...]
    wish: Wish

    def __str__(self) -> str:
        degree = f" {self.wish.degree}" if self.wish.degree else ""
        return f"inject {self.wish.name}{degree} into {_cards_text(self.cards)}"


@dataclass(frozen=True, slots=True)
class HealStep:
    """No fault: all of them."""

    cards: tuple[int, ...]
    fault: str | None

    def __str__(self) -> str:
        return f"heal {self.fault or 'everything'} of {_cards_text(self.cards)}"


@dataclass(frozen=True, slots=True)
class ResetStep:
    cards: tuple[int, ...]

    def __str__(self) -> str:
        return f"reset {_cards_text(self.cards)}"


@dataclass(frozen=True, slots=True)
class LimitStep:
    cards: tuple[int, ...]
    watts: float

    def __str__(self) -> str:
        return f"power limit of {_cards_text(self.cards)}: {self.watts:g} W"


@dataclass(frozen=True, slots=True)
class ClockStep:
    rate: float | None
    step_s: float

    def __str__(self) -> str:
        parts = [] if self.rate is None else [f"rate {self.rate:g}"]
        return f"clock: {', '.join([*parts, *([f'{self.step_s:g} s pass at once'] if self.step_s else [])])}"


Action = LoadStep | InjectStep | HealStep | ResetStep | LimitStep | ClockStep


@dataclass(frozen=True, slots=True)
class Step:
    at_s: float
    action: Action


@dataclass(frozen=True, slots=True)
class Scenario:
    """Steps by time; of the same moment in the order of the file. `end_s` is when it is over at the earliest."""

    name: str
    steps: tuple[Step, ...]
    end_s: float


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.root: Table = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SpecError(f"{path}: cannot be read: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise SpecError(f"{path}: not a TOML file: {error}") from error

    def error(self, key: str, reason: str) -> SpecError:
        return SpecError(f"{self.path}: {key}: {reason}")

    def refuse_unknown(self, table: Table, known: tuple[str, ...], key: str) -> None:
        for name in table:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                raise self.error(f"{key}{name[:60]}", f"is unknown; known are {', '.join(known)}{hint}")

    def text(self, table: Table, name: str, key: str, default: str | None = None) -> str:
        value = table.get(name, default)
        if not isinstance(value, str) or not value or len(value) > 200 or not value.isprintable():
            raise self.error(f"{key}.{name}", "has to be a text")
        return value

    def words(self, table: Table, name: str, key: str) -> str | None:
        """A text or a number as text; None if it is not there."""
        value = table.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.error(f"{key}.{name}", "has to be a number or a text")
        return str(value)

    def number(self, table: Table, name: str, key: str, low: float, high: float, default: float | None = None) -> float:
        value = table.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.error(f"{key}.{name}", f"has to be a number from {low:g} to {high:g}")
        return float(value)

    def seconds(self, table: Table, name: str, key: str, default: str | None = None) -> float:
        text = self.text(table, name, key, default)
        match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)", text)
        if not match:
            raise self.error(f"{key}.{name}", f"{text!r} is no time such as 90s, 10m or 1.5h")
        return float(match[1]) * _UNIT_S[match[2]]

    def cards(self, table: Table, key: str) -> tuple[int, ...]:
        text = self.words(table, "cards", key) or "all"
        if text == "all":
            return ()
        numbers: set[int] = set()
        for part in text.split(","):
            match = re.fullmatch(r"\s*(\d{1,2})(?:-(\d{1,2}))?\s*", part)
            if not match:
                raise self.error(f"{key}.cards", f"{text!r} is no list of cards such as 3, 0,2 or 0-3, nor 'all'")
            numbers.update(range(int(match[1]), int(match[2] or match[1]) + 1))
        return tuple(sorted(numbers))


def read_scenario(path: Path) -> Scenario:
    """SpecError names file, key and reason."""
    reader = _Reader(path)
    reader.refuse_unknown(reader.root, ("name", "end", "step"), "")
    rows = reader.root.get("step")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise reader.error("step", "has to be an array of tables, each under [[step]]")
    if len(rows) > _STEPS_MAX:
        raise reader.error("step", f"there are {len(rows)}; a scenario has at most {_STEPS_MAX}")
    steps = sorted((_step(reader, row, f"step[{i}]") for i, row in enumerate(rows)), key=lambda step: step.at_s)
    ends = [step.at_s + (step.action.duration_s if isinstance(step.action, LoadStep) else 0.0) for step in steps]
    end_s = reader.seconds(reader.root, "end", "scenario") if "end" in reader.root else max(ends)
    if end_s < steps[-1].at_s:
        raise reader.error("end", f"lies before the last step, which is at {steps[-1].at_s:g} s")
    return Scenario(reader.text(reader.root, "name", "scenario", path.stem), tuple(steps), end_s)


def _step(reader: _Reader, row: Table, key: str) -> Step:
    reader.refuse_unknown(row, ("at", *_ACTIONS), f"{key}.")
    chosen = [name for name in _ACTIONS if name in row]
    if len(chosen) != 1:
        raise reader.error(key, f"needs one of {', '.join(_ACTIONS)}, and has {len(chosen)}")
    table = row[chosen[0]]
    if not isinstance(table, dict):
        raise reader.error(f"{key}.{chosen[0]}", "has to be a table")
    return Step(reader.seconds(row, "at", key, "0s"), _ACTIONS[chosen[0]](reader, table, f"{key}.{chosen[0]}"))


def _load(reader: _Reader, table: Table, key: str) -> Action:
    reader.refuse_unknown(table, ("cards", "for", "gemm"), f"{key}.")
    shape = reader.text(table, "gemm", key, "8192x8192x8192")
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})x(\d{1,5})", shape)
    sizes = tuple(int(part) for part in match.groups()) if match else ()
    if len(sizes) != 3 or not all(1 <= size <= 65536 for size in sizes):
        raise reader.error(f"{key}.gemm", f"{shape!r} is no shape such as 8192x8192x8192, each size from 1 to 65536")
    return LoadStep(reader.cards(table, key), reader.seconds(table, "for", key), (sizes[0], sizes[1], sizes[2]))


def _inject(reader: _Reader, table: Table, key: str) -> Action:
    reader.refuse_unknown(table, ("cards", "fault", "degree", "address", "seed", "when", "one_in", "once"), f"{key}.")
    once = table.get("once", False)
    if not isinstance(once, bool):
        raise reader.error(f"{key}.once", "has to be true or false")
    wish = Wish(
        name=reader.text(table, "fault", key),
        degree=reader.words(table, "degree", key),
        address=reader.words(table, "address", key),
        seed=int(reader.number(table, "seed", key, 0, 2**63, 1)),
        when=None if "when" not in table else reader.text(table, "when", key),
        one_in=reader.number(table, "one_in", key, 1, 1e18, 1),
        is_once=once,
    )
    try:
        fault = wish.checked()[0]
    except DeviceError as error:
        raise reader.error(key, str(error)) from error
    if not fault.acts.is_event and (wish.when or wish.is_once or wish.one_in > 1):
        raise reader.error(key, f"{fault.name} is a state: it begins at this step and ends with a heal step")
    return InjectStep(reader.cards(table, key), wish)


def _heal(reader: _Reader, table: Table, key: str) -> Action:
    reader.refuse_unknown(table, ("cards", "fault"), f"{key}.")
    name = None if "fault" not in table else reader.text(table, "fault", key)
    try:
        fault = None if name is None else find_fault(name).name
    except DeviceError as error:
        raise reader.error(f"{key}.fault", str(error)) from error
    return HealStep(reader.cards(table, key), fault)


def _reset(reader: _Reader, table: Table, key: str) -> Action:
    reader.refuse_unknown(table, ("cards",), f"{key}.")
    return ResetStep(reader.cards(table, key))


def _limit(reader: _Reader, table: Table, key: str) -> Action:
    reader.refuse_unknown(table, ("cards", "watts"), f"{key}.")
    return LimitStep(reader.cards(table, key), reader.number(table, "watts", key, 1, 10_000))


def _clock(reader: _Reader, table: Table, key: str) -> Action:
    reader.refuse_unknown(table, ("rate", "step"), f"{key}.")
    if not table:
        raise reader.error(key, "needs a rate or a step")
    rate = reader.number(table, "rate", key, 1e-3, 3600) if "rate" in table else None
    return ClockStep(rate, reader.seconds(table, "step", key, "0s"))


_ACTIONS: dict[str, Callable[[_Reader, Table, str], Action]] = {
    "load": _load,
    "inject": _inject,
    "heal": _heal,
    "reset": _reset,
    "limit": _limit,
    "clock": _clock,
}


def _cards_text(cards: tuple[int, ...]) -> str:
    return f"card{'' if len(cards) == 1 else 's'} {', '.join(map(str, cards))}" if cards else "all cards"
