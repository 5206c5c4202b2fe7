"""Events that the cards post (ECC errors, critical errors, clock changes): wait for them and read them.

    with hlml.attached() as devices:
        for event in hlml.EventReader(devices):
            print(event.card_index, event.names)

HLML's event sets tell card and kind only; this reads the ring itself, so that time, number and argument are known too.
One reader belongs to one thread. Called by whoever follows events, for example `hl-smi events`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hlml._hlml import ffi, lib
from hlml.device import Device, _attachment
from hlml.snapshot import read_error

__all__ = ["Event", "EventKind", "EventReader"]

# Longest sleep at once: a box that is taken down rings no bell.
_NAP_S = 1.0


class EventKind(enum.IntFlag):
    """HLML_EVENT_*; the double-bit names of HLML are the same bits."""

    ECC_ERROR = 1
    CRITICAL_ERROR = 2
    CLOCK_RATE = 4
    DRAM_ERROR = 8
    ECC_CORRECTED = 16
    DRAM_CORRECTED = 32


@dataclass(frozen=True, slots=True)
class Event:
    """One posted event. `number` counts the events of its card from 1; `argument` depends on the kind (a count)."""

    card_index: int
    number: int
    box_time_ns: int
    kind: EventKind
    argument: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the kind's bits, such as ("DRAM_ERROR",)."""
        return tuple(kind.name or str(kind.value) for kind in EventKind if kind & self.kind)


class EventReader:
    """Everything that some cards post from now on, or also what their rings still hold (`is_past_included`)."""

    def __init__(self, devices: Sequence[Device], is_past_included: bool = False) -> None:
        self._box = _attachment.require()
        self._cards = [(device.index, lib.gaudi_box_card(self._box, device.index)) for device in devices]
        self._event = ffi.new("gaudi_event *")
        self._next = {index: 1 if is_past_included else lib.gaudi_events_head(card) + 1 for index, card in self._cards}
        self.lost_count = 0
        if is_past_included:
            self._skip_overwritten()
            self.lost_count = 0

    def __iter__(self) -> Iterator[Event]:
        """Events as they come, without an end; what `wait` raises ends the iteration."""
        while True:
            yield from self.wait(_NAP_S)

    def wait(self, timeout_s: float) -> list[Event]:
        """The events since the last call, by time; waits at most `timeout_s` if there are none, and not longer than
        a second at once. An empty list is no error.

        Raises DeviceLostError or DriverNotLoadedError when the box was taken down.
        """
        bell = lib.gaudi_doorbell(self._box)
        events = self._take()
        if events or timeout_s <= 0:
            return events
        lib.gaudi_doorbell_wait(self._box, bell, int(min(timeout_s, _NAP_S) * 1e9))
        return self._take()

    def _take(self) -> list[Event]:
        code = lib.gaudi_box_alive(self._box)
        if code != 0:
            raise read_error(code, self._cards[0][0] if self._cards else 0)
        self._skip_overwritten()
        events = [event for index, card in self._cards for event in self._take_from(index, card)]
        return sorted(events, key=lambda event: (event.box_time_ns, event.card_index, event.number))

    def _skip_overwritten(self) -> None:
        """Go on with the oldest event that is left where a ring went round; count what is gone."""
        for index, card in self._cards:
            oldest = max(lib.gaudi_events_head(card) - lib.GAUDI_EVENT_MAX + 1, 1)
            self.lost_count += max(oldest - self._next[index], 0)
            self._next[index] = max(self._next[index], oldest)

    def _take_from(self, index: int, card: object) -> list[Event]:
        events = []
        for number in range(self._next[index], lib.gaudi_events_head(card) + 1):
            if lib.gaudi_events_read(card, number, self._event) == 0:
                raw = self._event
                events.append(Event(index, number, raw.box_ns, EventKind(raw.kind), raw.argument))
            else:
                self.lost_count += 1
            self._next[index] = number + 1
        return events
