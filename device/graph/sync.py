"""Sync values: what each descriptor signals and waits for, so that no dependency is left to luck.

Every queue counts its finished descriptors in a sync object, and goes on to the next object when the count reaches the
largest value of the hardware. A descriptor waits for the last descriptor of every other queue that it depends on,
unless something else that it waits for implies it: at most one wait for each other queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from device.engine_class import EngineClass
from device.errors import GraphError
from device.recipe.descriptors import Descriptor, Operand, SyncPoint
from device.recipe.order import OrderTracker
from device.spec import SyncSpec

__all__ = ["SyncedDescriptors", "assign_sync"]


@dataclass(frozen=True, slots=True)
class SyncedDescriptors:
    """Descriptors in the order of the schedule; sync objects are numbered from 0."""

    descriptors: tuple[Descriptor, ...]
    sync_objects: int


@dataclass(frozen=True, slots=True)
class _Access:
    """A descriptor touches the bytes from start to end of a tensor or memory; its place in its queue counts from 1."""

    start: int
    end: int
    is_write: bool
    engine: EngineClass
    place: int
    signal: SyncPoint


class _History:
    """Accesses that a later descriptor could still collide with, per persistent tensor, for workspace and SRAM."""

    def __init__(self) -> None:
        self._accesses: dict[object, list[_Access]] = {}

    def conflicts(self, descriptor: Descriptor) -> list[_Access]:
        found: list[_Access] = []
        for operand in descriptor.reads:
            start, end = _range(operand)
            for access in self._accesses.get(operand.space, ()):
                if access.is_write and access.start < end and start < access.end:
                    found.append(access)
        for operand in descriptor.writes:
            start, end = _range(operand)
            for access in self._accesses.get(operand.space, ()):
                if access.start < end and start < access.end:
                    found.append(access)
        return found

    def add(self, descriptor: Descriptor, place: int, signal: SyncPoint) -> None:
        for operand in descriptor.writes:
            self._forget_within(operand)
            self._append(operand, _Access(*_range(operand), True, descriptor.engine, place, signal))
        for operand in descriptor.reads:
            self._append(operand, _Access(*_range(operand), False, descriptor.engine, place, signal))

    def _append(self, operand: Operand, access: _Access) -> None:
        self._accesses.setdefault(operand.space, []).append(access)

    def _forget_within(self, written: Operand) -> None:
        """Who collides with these bytes later collides with this write, which is ordered behind all of them."""
        start, end = _range(written)
        accesses = self._accesses.get(written.space, [])
        self._accesses[written.space] = [each for each in accesses if each.start < start or end < each.end]


def _range(operand: Operand) -> tuple[int, int]:
    return operand.offset_bytes, operand.offset_bytes + operand.size_bytes


def assign_sync(descriptors: Sequence[Descriptor], sync: SyncSpec) -> SyncedDescriptors:
    """`descriptors` come in the order of the schedule, one thread of execution that is right by definition."""
    signals, sync_objects = _signals(descriptors, sync)
    tracker = OrderTracker()
    history = _History()
    places: dict[EngineClass, int] = {}
    synced: list[Descriptor] = []
    for descriptor, signal in zip(descriptors, signals, strict=True):
        engine = descriptor.engine
        places[engine] = places.get(engine, 0) + 1
        waits = _waits(history.conflicts(descriptor), engine, tracker)
        tracker.add(engine, waits, signal)
        history.add(descriptor, places[engine], signal)
        synced.append(replace(descriptor, waits=waits, signal=signal))
    return SyncedDescriptors(tuple(synced), sync_objects)


def _waits(conflicts: list[_Access], engine: EngineClass, tracker: OrderTracker) -> tuple[SyncPoint, ...]:
    latest: dict[EngineClass, _Access] = {}
    for access in conflicts:
        known = latest.get(access.engine)
        if access.engine is not engine and (known is None or known.place < access.place):
            latest[access.engine] = access
    needed = {access.engine: access for access in latest.values()}
    for access in latest.values():
        others = tuple(other.signal for other in needed.values() if other is not access)
        if tracker.ended_before(engine, others).get(access.engine, 0) >= access.place:
            del needed[access.engine]
    return tuple(sorted((access.signal for access in needed.values()), key=lambda point: point.sob))


def _signals(descriptors: Sequence[Descriptor], sync: SyncSpec) -> tuple[list[SyncPoint], int]:
    """One object a queue, and a fresh one whenever the value would not fit any more."""
    current: dict[EngineClass, SyncPoint] = {}
    signals: list[SyncPoint] = []
    objects = 0
    for descriptor in descriptors:
        last = current.get(descriptor.engine)
        if last is None or last.value == sync.max_value:
            last = SyncPoint(objects, 0)
            objects += 1
        current[descriptor.engine] = SyncPoint(last.sob, last.value + 1)
        signals.append(current[descriptor.engine])
    if objects > sync.objects:
        raise GraphError(f"{len(descriptors)} descriptors need {objects} sync objects, the ASIC has {sync.objects}")
    return signals, objects
