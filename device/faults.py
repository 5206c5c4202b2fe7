"""Faults: the catalogue (specs/faults.toml), injecting and healing them, and what the engines ask about them.

`gaudi-box inject`, tests and tools call inject and heal; the runtime makes a FaultGate per card and passes it to the
engines. What a fault does to power or links is csrc's business, what it does to data belongs to the engine it hits.
"""

from __future__ import annotations

import difflib
import enum
import functools
import threading
import tomllib
from dataclasses import dataclass
from pathlib import Path

from device.card import Box, CardState, FaultRecord
from device.errors import BoxError, SpecError
from device.fault_places import IN_SPARE, is_replaced, memory_address
from device.seeds import seeded

__all__ = [
    "Action",
    "Fault",
    "FaultGate",
    "catalogue",
    "fault_of_kind",
    "find_fault",
    "heal",
    "inject",
    "parse_degree",
    "seeded",
]

_CATALOGUE = Path(__file__).parent / "specs" / "faults.toml"

# Of FaultRecord.flags.
_ONCE = 1


class Action(enum.StrEnum):
    """Which part of the card a fault acts on."""

    ENGINE = "engine"
    MEMORY = "memory"
    CONDITION = "condition"
    LOST = "lost"
    LINK = "link"
    ECC = "ecc"


@dataclass(frozen=True, slots=True)
class Fault:
    """An entry of the catalogue; `degree` and `visible` are sentences for people."""

    name: str
    number: int
    acts: Action
    degree: str
    unit: str
    default: float
    minimum: float
    maximum: float
    visible: str
    address: str = ""


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
    return _checked_degree(fault, value, text)


def inject(
    box: Box,
    index: int,
    fault: Fault,
    degree: float | None = None,
    seed: int = 0,
    is_once: bool = False,
    address: int = 0,
) -> FaultRecord:
    """Note the fault in the card file, then let it act. `is_once` is for engine faults: the first hit heals them."""
    value = _checked_degree(fault, fault.default if degree is None else degree, str(degree))
    if is_once and fault.acts not in (Action.ENGINE, Action.MEMORY):
        raise BoxError(f"{fault.name} is a state and not an event, so it cannot happen once; heal it instead")
    card = box.card(index)
    if fault.acts is Action.LINK and value >= card.identity.port_count:
        raise BoxError(f"there is no port {value:g} on card {index}; it has {card.identity.port_count}, from 0 on")
    flags = _ONCE if is_once else 0
    if fault.address:
        address = memory_address(card, fault.name, address, seed, value)
        flags |= IN_SPARE if is_replaced(card, address) else 0
    record = FaultRecord(kind=fault.number, flags=flags, degree=value, seed=seed, address=address)
    card.add_fault(record)
    _act(box, card, fault, value)
    return record


def heal(box: Box, index: int, fault: Fault | None = None) -> None:
    """Undo one fault or all. Error counters keep what they counted; only a reset begins them anew."""
    card = box.card(index)
    injected = {record.kind for record in card.faults()}
    for each in catalogue() if fault is None else (fault,):
        if each.number in injected:
            _undo(box, card, each)
            card.remove_faults(each.number)


def _checked_degree(fault: Fault, value: float, text: str) -> float:
    if not fault.minimum <= value <= fault.maximum:
        unit = f" {fault.unit}" if fault.unit not in ("", "1") else ""
        raise BoxError(
            f"{fault.name}: {text} is no degree; it is the {fault.degree}, from {fault.minimum:g} to "
            f"{fault.maximum:g}{unit}"
        )
    return value


def _act(box: Box, card: CardState, fault: Fault, degree: float) -> None:
    match fault.name:
        case "slow-card":
            card.set_conditions(clock_ceiling=degree)
        case "airflow":
            card.set_conditions(airflow=degree)
        case "ambient":
            card.set_conditions(ambient_c=degree)
        case "lost":
            card.set_lost(True)
        case "link-down":
            box.set_link(card.index, int(degree), False)


def _undo(box: Box, card: CardState, fault: Fault) -> None:
    ambient_c, airflow = card.default_conditions()
    match fault.name:
        case "slow-card":
            card.set_conditions(clock_ceiling=1.0)
        case "airflow":
            card.set_conditions(airflow=airflow)
        case "ambient":
            card.set_conditions(ambient_c=ambient_c)
        case "lost":
            card.set_lost(False)
        case "link-down":
            ports = {int(record.degree) for record in card.faults() if record.kind == fault.number}
            for port in ports:
                box.set_link(card.index, port, True)


class FaultGate:
    """What the engines of one card ask about faults. The runtime refreshes it once a launch. Any thread."""

    def __init__(self, card: CardState) -> None:
        self._card = card
        self._lock = threading.Lock()
        self._records: tuple[FaultRecord, ...] = ()
        self._questions = 0

    def refresh(self) -> None:
        self._records = self._card.faults()

    @property
    def has_faults(self) -> bool:
        return bool(self._records)

    def active(self, name: str) -> tuple[FaultRecord, ...]:
        """The faults of that name. Nothing is drawn."""
        kind = find_fault(name).number
        return tuple(record for record in self._records if record.kind == kind)

    def strikes(self, name: str) -> tuple[FaultRecord, ...]:
        """The faults of that name that hit now. Deterministic by seed and by how often this holder has asked."""
        if not self._records:
            return ()
        return tuple(record for record in self.active(name) if self.draw(record, record.degree))

    def draw(self, record: FaultRecord, chance: float = 1.0) -> bool:
        """Whether it strikes this time. A hit is counted, and heals a fault that happens once."""
        with self._lock:
            self._questions += 1
            hit = seeded(record.seed, "hit", self._questions) < chance * 2.0**64
            if hit and record.flags & _ONCE:
                self._expire(record)
            elif hit:
                self._card.hit_fault(record)
            return hit

    def _expire(self, record: FaultRecord) -> None:
        """Others of the same kind stay."""
        self._records = tuple(other for other in self._records if other is not record)
        self._card.remove_faults(record.kind)
        for other in self._records:
            if other.kind == record.kind:
                self._card.add_fault(other)
