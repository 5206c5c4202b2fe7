"""Looking before testing: which cards are there, which are to be tested, and what keeps the test from starting.

`look` reads the machine once and never fails because of a card: what is wrong becomes a problem of the scene, so that
the report can show everything that was found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from hl_qual.argv import Options
from hl_qual.errors import NotExecutedError
from hl_qual.families import TITLES, detect_family, family_of
from hl_qual.findings import Finding
from hl_qual.limits import Limit, Limits
from hl_qual.machine import Machine
from hl_qual.operational import check_card
from hl_qual.plan import select_cards, select_family
from hl_qual.report.model import Opening
from hl_qual.report.names import command_line
from hlml.types import DeviceSnapshot

__all__ = ["Scene", "empty_scene", "look"]

_IDLE_LIMIT_MIB = 2048


@dataclass(frozen=True, slots=True)
class Scene:
    """What was found. `chosen` are the cards to test, `limits` theirs by name; with any problem nothing is executed."""

    opening: Opening
    family: str | None
    chosen: tuple[DeviceSnapshot, ...]
    limits: Mapping[str, Limits]
    problems: tuple[Finding, ...]

    def limits_of_test(self, test: str) -> dict[str, Mapping[str, Limit]]:
        """Limits of one test by the name of the card, of the chosen cards."""
        return {card.name: self.limits[card.name].get(test, {}) for card in self.chosen}


def empty_scene(options: Options, host: str, problem: NotExecutedError) -> Scene:
    """The scene of a machine whose driver does not answer."""
    opening = Opening(
        command_line=command_line(options.words),
        started=datetime.now(),
        host=host,
        box=None,
        family_title=TITLES.get(options.family or "", "Gaudi"),
        cards=(),
        unreadable=0,
        checks=(),
        numa_cpus=(),
        test=options.plugin_name,
    )
    return Scene(opening, options.family, (), {}, (Finding(problem.code, str(problem)),))


def look(options: Options, machine: Machine, limits_of: Callable[[str, str], Limits]) -> Scene:
    """Read every card once. `limits_of` takes family and card; UsageError if the user's limits do not fit."""
    readings = [machine.snapshot(index) for index in range(machine.device_count())]
    found = [reading for reading in readings if reading is not None]
    problems: list[Finding] = []
    family = options.family or detect_family(found)
    try:
        family = select_family(options, detect_family(found), found)
    except NotExecutedError as error:
        problems.append(Finding(error.code, str(error)))
    cards = tuple(card for card in found if family is not None and family_of(card) == family)
    limits = {name: limits_of(family or "", name) for name in sorted({card.name for card in cards})}
    opening = _opening(options, machine, family, cards, len(readings) - len(found), limits)
    chosen: tuple[DeviceSnapshot, ...] = ()
    if not problems:
        try:
            chosen = select_cards(options, cards)
        except NotExecutedError as error:
            problems.append(Finding(error.code, str(error)))
    problems += _start_problems(options, opening, chosen)
    return Scene(opening, family, chosen, limits, tuple(problems))


def _opening(
    options: Options,
    machine: Machine,
    family: str | None,
    cards: tuple[DeviceSnapshot, ...],
    unreadable: int,
    limits: Mapping[str, Limits],
) -> Opening:
    nodes = sorted({card.numa_node for card in cards})
    return Opening(
        command_line=command_line(options.words),
        started=datetime.now(),
        host=machine.host(),
        box=machine.box(),
        family_title=TITLES.get(family or "", "Gaudi"),
        cards=cards,
        unreadable=unreadable,
        checks=tuple(check_card(card, _idle_limit_mib(limits[card.name])) for card in cards),
        numa_cpus=tuple((node, machine.cpus_of_node(node)) for node in nodes),
        test=options.plugin_name,
    )


def _idle_limit_mib(limits: Limits) -> int:
    entry = limits.get("operational", {}).get("idle_memory")
    return _IDLE_LIMIT_MIB if entry is None else int(entry.value)


def _start_problems(options: Options, opening: Opening, chosen: tuple[DeviceSnapshot, ...]) -> list[Finding]:
    """Everything else that keeps a test from starting."""
    problems = []
    expected, present = options.expected_devices, len(opening.cards)
    if expected is not None and expected != present:
        message = f"{present} {opening.family_title} devices are present, {expected} are expected"
        problems.append(Finding("DEVICE_COUNT", message, expected=str(expected), actual=str(present)))
    if opening.unreadable and options.devices == ("all",):
        problems.append(Finding("DEVICE_NOT_OPERATIONAL", f"{opening.unreadable} devices do not answer"))
    if opening.box is not None and opening.box.clock_rate == 0:
        problems.append(Finding("BOX_CLOCK_FROZEN", "the clock of this box is frozen, so no test would ever end"))
    chosen_ids = {card.pci.bus_id for card in chosen}
    problems += [check.finding for check in opening.checks if check.finding is not None and check.bus_id in chosen_ids]
    return problems
