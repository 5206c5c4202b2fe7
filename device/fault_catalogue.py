"""The catalogue of faults: what specs/faults.toml says, typed. Injecting and healing belong to faults.py."""

from __future__ import annotations

import difflib
import enum
import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path

from device.errors import BoxError, SpecError

__all__ = ["Action", "Fault", "catalogue", "check_degree", "fault_of_kind", "find_fault", "parse_degree"]

_CATALOGUE = Path(__file__).parent / "specs" / "faults.toml"


class Action(enum.StrEnum):
    """Which part of the card a fault acts on."""

    ENGINE = "engine"
    MEMORY = "memory"
    CONDITION = "condition"
    PCIE = "pcie"
    LOST = "lost"
    LINK = "link"
    BOOT = "boot"
    BREAKDOWN = "breakdown"

    @property
    def is_event(self) -> bool:
        """It strikes again and again, each time somebody uses what it hits; the others are states."""
        return self in (Action.ENGINE, Action.MEMORY)


@dataclass(frozen=True, slots=True)
class Fault:
    """An entry of the catalogue; `degree`, `address` and `visible` are words for people, `log` is a line of the kernel
    log with {degree}, {address} and {module} to be put in. `step` 1: the degree is a whole number."""

    name: str
    number: int
    acts: Action
    degree: str
    unit: str
    default: float
    minimum: float
    maximum: float
    visible: str
    step: float = 0.0
    address: str = ""
    log: str = ""

    @property
    def has_degree(self) -> bool:
        return self.minimum < self.maximum

    @property
    def degree_text(self) -> str:
        """What the degree is, its range and default; "" if there is nothing to choose."""
        if not self.has_degree:
            return ""
        unit = f" {self.unit}" if self.unit not in ("", "1") else ""
        return f"{self.degree}, {self.minimum:g} to {self.maximum:g}{unit}, else {self.default:g}"


@functools.cache
def catalogue() -> tuple[Fault, ...]:
    """All faults in the order of their numbers. SpecError if the file is damaged."""
    try:
        rows = tomllib.loads(_CATALOGUE.read_text(encoding="utf-8"))["fault"]
        faults = [Fault(**{**row, "acts": Action(row["acts"])}) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpecError(f"{_CATALOGUE}: {error}") from error
    return tuple(sorted(faults, key=lambda fault: fault.number))


def find_fault(name: str) -> Fault:
    """By its exact name. BoxError proposes a close one."""
    names = [fault.name for fault in catalogue()]
    if name in names:
        return catalogue()[names.index(name)]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
    raise BoxError(f"there is no fault {name!r}; {hint}")


def fault_of_kind(kind: int) -> Fault | None:
    """None for a number that a newer release wrote."""
    return next((fault for fault in catalogue() if fault.number == kind), None)


def parse_degree(fault: Fault, text: str) -> float:
    """A number as typed, or one in percent. BoxError says what the degree means and which range it has."""
    share = text.strip().removesuffix("%")
    try:
        value = float(share) / (1 if share == text.strip() else 100)
    except ValueError:
        value = float("nan")
    return check_degree(fault, value, text)


def check_degree(fault: Fault, value: float, text: str) -> float:
    """BoxError names the range; `text` is what the user gave."""
    if not fault.minimum <= value <= fault.maximum or (fault.step and value != round(value)):
        unit = f" {fault.unit}" if fault.unit not in ("", "1") else ""
        whole = "a whole number, " if fault.step else ""
        raise BoxError(
            f"{fault.name}: {text} is no degree; it is the {fault.degree}, {whole}from {fault.minimum:g} to "
            f"{fault.maximum:g}{unit}"
        )
    return value
