"""Options and cards -> what will be run. Pure: no card is touched, nothing starts.

A plan that cannot be carried out raises NotExecutedError with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hl_qual.argv import Options
from hl_qual.errors import NotExecutedError
from hl_qual.families import TITLES, family_of
from hl_qual.operational import device_id
from hl_qual.plugins.api import Job
from hlml.types import DeviceSnapshot

__all__ = ["JobFacts", "jobs_for", "select_cards", "select_family"]

_QUADS = {"quad_0": range(4), "quad_1": range(4, 8)}


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What all jobs of a run share, besides the options. `limits` are those of the test, by the name of the card."""

    family: str
    reference: str
    default_duration_s: float
    seed: int
    limits: Mapping[str, Mapping[str, float]]
    directory: str
    rounds: int = 1


def select_family(options: Options, found: str | None, snapshots: Sequence[DeviceSnapshot]) -> str:
    """The family under test; at least one card of it is present."""
    if not snapshots:
        raise NotExecutedError("DEVICE_ABSENT", "no Gaudi card was found")
    family = options.family or found
    if family is None:
        raise NotExecutedError("DEVICE_ABSENT", "the cards are of several families; give -gaudi2 or -gaudi3")
    if all(family_of(snapshot) != family for snapshot in snapshots):
        present = TITLES.get(found or "", "other")
        raise NotExecutedError("DEVICE_ABSENT", f"no {TITLES[family]} card was found, the cards here are {present}")
    return family


def select_cards(options: Options, cards: Sequence[DeviceSnapshot]) -> tuple[DeviceSnapshot, ...]:
    """The cards of `-c` among those of the family, in bus order."""
    by_bus_id = {card.pci.bus_id.lower(): card for card in cards}
    if options.devices == ("all",):
        chosen = list(cards)
    elif options.devices[0] in _QUADS:
        modules = _QUADS[options.devices[0]]
        chosen = [card for card in cards if card.module_id in modules]
        if len(chosen) != len(modules):
            message = f"{options.devices[0]} has {len(chosen)} of {len(modules)} cards"
            raise NotExecutedError("DEVICE_ABSENT", message)
    else:
        by_name = {**by_bus_id, **{str(card.index): card for card in cards}}
        for name in options.devices:
            if name not in by_name:
                where = f"at {name}" if ":" in name else f"with number {name}"
                raise NotExecutedError("DEVICE_ABSENT", f"no card of this family {where}", name)
        chosen = [by_name[name] for name in options.devices]
        if len({card.index for card in chosen}) < len(chosen):
            raise NotExecutedError("DEVICE_ABSENT", "-c names a card twice, by its bus id and by its number")
    return tuple(sorted(chosen, key=lambda card: card.pci.bus_id))


def _switches(options: Options) -> dict[str, str | None]:
    """Those of the test, and its selector if that has a mode."""
    own = dict(options.own)
    if options.selector is not None and options.selector_mode is not None:
        own[options.selector.word] = options.selector_mode
    return own


def jobs_for(options: Options, cards: Sequence[DeviceSnapshot], facts: JobFacts) -> list[Job]:
    """One job a card; cards that are tested one after another have no peers."""
    return [
        Job(
            plugin=options.plugin_name,
            reference=facts.reference,
            family=facts.family,
            device_index=card.index,
            device=device_id(card),
            duration_s=(options.duration_s or facts.default_duration_s) * facts.rounds,
            iterations=options.iterations,
            seed=facts.seed,
            limits=facts.limits[card.name],
            directory=facts.directory,
            switches=_switches(options),
            rank=rank if options.is_parallel else 0,
            ranks=len(cards) if options.is_parallel else 1,
        )
        for rank, card in enumerate(cards)
    ]
