"""Faults into and out of cards, and what the engines ask about them.

`gaudi-box inject`, tests and tools call inject and heal; the runtime makes a FaultGate per card and passes it to the
engines. What there is to inject stands in fault_catalogue.py, when it acts in fault_condition.py. What a fault does to
power or status is csrc's business, what it does to data belongs to the engine or memory that it hits.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from device._device import lib
from device.card import Box, CardState, FaultRecord
from device.errors import BoxError, DeviceError
from device.fault_catalogue import (
    Action,
    Fault,
    catalogue,
    check_degree,
    fault_of_kind,
    find_fault,
    parse_degree,
)
from device.fault_condition import Condition
from device.fault_places import IN_SPARE, is_replaced, memory_address
from device.seeds import seeded

__all__ = [
    "Action",
    "Condition",
    "Fault",
    "FaultGate",
    "await_condition",
    "catalogue",
    "fault_of_kind",
    "find_fault",
    "heal",
    "inject",
    "parse_degree",
    "seeded",
]

# A line of the kernel log about something that is wrong but does not stop the card.
_LEVEL_WARNING = 4

# How often somebody who waits for a condition looks, wall time.
_LOOK_S = 0.05

_ALWAYS = Condition()


def inject(
    box: Box,
    index: int,
    fault: Fault,
    degree: float | None = None,
    seed: int = 0,
    is_once: bool = False,
    address: int = 0,
    condition: Condition = _ALWAYS,
) -> FaultRecord:
    """Note the fault in the card file, then let it act. Faults of engines and memory look at their condition each time
    they could strike; a state begins at once, so its condition has to have come true (await_condition)."""
    value = check_degree(fault, fault.default if degree is None else degree, f"{degree}")
    card = box.card(index)
    _check(box, card, fault, value, address, is_once or condition.is_once, condition)
    spare = 0
    if fault.acts is Action.MEMORY and fault.address:
        address = memory_address(card, fault.name, address, seed, value)
        spare = IN_SPARE if is_replaced(card, address) else 0
    when = condition if fault.acts.is_event else _ALWAYS
    record = FaultRecord(
        kind=fault.number,
        flags=when.flags | (1 if is_once else 0) | spare,
        degree=value,
        seed=seed,
        address=address,
        injected_ns=when.after_ns,
        parameters=when.parameters,
    )
    if fault.acts is Action.BREAKDOWN:
        card.break_down(fault.number - lib.GAUDI_FAULT_BREAKDOWN)
        return record
    card.add_fault(record)
    try:
        _act(box, card, fault, value)
    except DeviceError:
        card.remove_faults(fault.number)
        raise
    if fault.log:
        text = fault.log.format(degree=value, address=address, module=card.identity.module_id)
        card.log(_LEVEL_WARNING, text)
    return record


def heal(box: Box, index: int, fault: Fault | None = None) -> None:
    """Undo one fault or all. Error counters keep what they counted; only a reset begins them anew."""
    card = box.card(index)
    records = card.faults()
    injected = {record.kind for record in records}
    for each in catalogue() if fault is None else (fault,):
        if each.number in injected:
            _undo(box, card, each)
            if each.acts is not Action.BREAKDOWN:
                card.remove_faults(each.number)
    if fault is None:  # those that a newer release wrote
        card.remove_faults()


def await_condition(
    box: Box, card: CardState, condition: Condition, is_stopped: Callable[[], bool] = lambda: False
) -> bool:
    """Wait in box time until it holds; False if `is_stopped` says so before."""
    begin_ns = box.now_ns() + condition.after_ns
    while not (box.now_ns() >= begin_ns and condition.holds(card.read())):
        if is_stopped():
            return False
        time.sleep(_LOOK_S)
    return True


def _check(
    box: Box, card: CardState, fault: Fault, degree: float, address: int, is_once: bool, condition: Condition
) -> None:
    if is_once and not fault.acts.is_event:
        raise BoxError(f"{fault.name} is a state and not an event, so it cannot happen once; heal it instead")
    if condition.one_in > 1 and not fault.acts.is_event:
        raise BoxError(f"{fault.name} is a state and not an event, so it cannot happen one time in many")
    if address and not fault.address:
        raise BoxError(f"{fault.name} has no address")
    ports = card.identity.port_count
    port = address if fault.name == "link-ber" else int(degree)
    if fault.acts is Action.LINK and not 0 <= port < ports:
        raise BoxError(f"there is no port {port} on card {card.index}; it has {ports}, from 0 on")


def _act(box: Box, card: CardState, fault: Fault, degree: float) -> None:
    match fault.name:
        case "slow-card":
            card.set_conditions(clock_ceiling=degree)
        case "airflow":
            card.set_conditions(airflow=degree)
        case "ambient":
            card.set_conditions(ambient_c=degree)
        case "power-brake":
            card.set_conditions(brake=degree)
        case "lost":
            card.set_lost(True)
        case "pcie-width":
            card.set_pcie(width=int(degree))
        case "pcie-generation":
            card.set_pcie(generation=int(degree))
        case "link-down":
            box.set_link(card.index, int(degree), False)
        case "link-flap":
            box.set_flapping(card.index, int(degree), True)


def _undo(box: Box, card: CardState, fault: Fault) -> None:
    if fault.acts is Action.BREAKDOWN:
        card.mend()
        return
    ambient_c, airflow = card.default_conditions()
    match fault.name:
        case "slow-card":
            card.set_conditions(clock_ceiling=1.0)
        case "airflow":
            card.set_conditions(airflow=airflow)
        case "ambient":
            card.set_conditions(ambient_c=ambient_c)
        case "power-brake":
            card.set_conditions(brake=1.0)
        case "lost":
            card.set_lost(False)
        case "pcie-width":
            card.set_pcie(width=0)
        case "pcie-generation":
            card.set_pcie(generation=0)
        case "link-down":
            for port in _ports(card, fault):
                box.set_link(card.index, port, True)
        case "link-flap":
            for port in _ports(card, fault):
                box.set_flapping(card.index, port, False)


def _ports(card: CardState, fault: Fault) -> set[int]:
    """Those that the fault was injected for."""
    return {int(record.degree) for record in card.faults() if record.kind == fault.number}


class FaultGate:
    """What engines and memory of one card ask about faults. The runtime refreshes it once a launch. Any thread."""

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
        """The faults of that name whose time has come and whose threshold is crossed now. Nothing is drawn."""
        if not self._records:
            return ()
        kind = find_fault(name).number
        return tuple(record for record in self._records if record.kind == kind and self._is_due(record))

    def strikes(self, name: str) -> tuple[FaultRecord, ...]:
        """Those of them that hit now, where the degree is a chance. Deterministic by seed and by how often this holder
        has asked."""
        return tuple(record for record in self.active(name) if self.draw(record, record.degree))

    def draw(self, record: FaultRecord, chance: float = 1.0) -> bool:
        """Whether it strikes this time, with this chance and that of its "one in N". A hit is counted, and heals a
        fault that happens once."""
        one_in = Condition.of(record).one_in
        with self._lock:
            self._questions += 1
            share = chance / one_in if one_in > 1 else chance
            if not seeded(record.seed, "hit", self._questions) < share * 2.0**64:
                return False
            self._hit(record)
            return True

    def _is_due(self, record: FaultRecord) -> bool:
        condition = Condition.of(record)
        if record.injected_ns > self._card.now_ns():
            return False
        return condition.quantity == 0 or condition.holds(self._card.read())

    def _hit(self, record: FaultRecord) -> None:
        """Whoever healed it meanwhile has the last word."""
        with contextlib.suppress(BoxError):
            if record.flags & 1:
                self._records = tuple(other for other in self._records if other is not record)
                self._card.remove_fault(record)
            else:
                self._card.hit_fault(record)
