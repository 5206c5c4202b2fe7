"""A static check that the sync values of a recipe cover every dependency.

Two descriptors depend on each other if they touch a common byte and at least one writes it (read after write, write
after read, write after write). The schedule says which one comes first; the check proves that the later one cannot
start before the earlier one has ended, whatever the queues do in between.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from device.engine_class import EngineClass
from device.errors import RecipeError
from device.recipe.descriptors import Descriptor, Operand
from device.recipe.order import OrderTracker
from device.recipe.recipe import Recipe

__all__ = ["Hazard", "HazardKind", "check_sync", "hazard_between", "uncovered_hazards"]


class HazardKind(enum.StrEnum):
    READ_AFTER_WRITE = "read after write"
    WRITE_AFTER_READ = "write after read"
    WRITE_AFTER_WRITE = "write after write"


@dataclass(frozen=True, slots=True)
class Hazard:
    """`later` may start before `earlier` has ended; both are places in the schedule."""

    kind: HazardKind
    earlier: int
    later: int


def check_sync(recipe: Recipe) -> None:
    """RecipeError names the first dependency that no sync value covers."""
    for hazard in uncovered_hazards(recipe):
        earlier = recipe.in_order[hazard.earlier].node
        later = recipe.in_order[hazard.later].node
        raise RecipeError(f"{hazard.kind}: {later} may start before {earlier} has ended; no sync value orders them")


def uncovered_hazards(recipe: Recipe) -> tuple[Hazard, ...]:
    """All of them, ordered by the later descriptor. Compares every pair, on purpose: slow and obvious."""
    tracker = OrderTracker()
    place_in_queue: list[int] = []
    counts: dict[EngineClass, int] = {}
    hazards: list[Hazard] = []
    touched = [(step.reads, step.writes) for step in recipe.in_order]
    for descriptor in recipe.in_order:
        ended = tracker.ended_before(descriptor.engine, descriptor.waits)
        later = touched[descriptor.order]
        for earlier in recipe.in_order[: descriptor.order]:
            if ended.get(earlier.engine, 0) > place_in_queue[earlier.order]:
                continue
            kind = _hazard(touched[earlier.order], later)
            if kind is not None:
                hazards.append(Hazard(kind, earlier.order, descriptor.order))
        place_in_queue.append(counts.get(descriptor.engine, 0))
        counts[descriptor.engine] = place_in_queue[-1] + 1
        tracker.add(descriptor.engine, descriptor.waits, descriptor.signal)
    return tuple(hazards)


def hazard_between(earlier: Descriptor, later: Descriptor) -> HazardKind | None:
    return _hazard((earlier.reads, earlier.writes), (later.reads, later.writes))


_Touched = tuple[tuple[Operand, ...], tuple[Operand, ...]]
"""What a descriptor reads, and what it writes."""


def _hazard(earlier: _Touched, later: _Touched) -> HazardKind | None:
    if _touch(earlier[1], later[0]):
        return HazardKind.READ_AFTER_WRITE
    if _touch(earlier[0], later[1]):
        return HazardKind.WRITE_AFTER_READ
    if _touch(earlier[1], later[1]):
        return HazardKind.WRITE_AFTER_WRITE
    return None


def _touch(first: tuple[Operand, ...], second: tuple[Operand, ...]) -> bool:
    return any(a.overlaps(b) for a in first for b in second)
