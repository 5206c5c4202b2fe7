"""`hl-smi events`: a line for every event that the chosen cards post, until a signal or a reader that goes away.

Called by `cli`, which gives what writes; text comes from `render.event` or `json_pages`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import hlml
from hl_smi.options import Options
from hl_smi.render.event import render_event

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hlml import Device, Event
    from hlml.types import DeviceSnapshot

__all__ = ["Follower", "follow"]

_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Follower:
    """Where lines go, where warnings go, and how a moment of box time is written."""

    write: Callable[[str], None]
    warn: Callable[[str], None]
    clock: Callable[[int], str]


def follow(options: Options, devices: Sequence[Device], cards: Sequence[DeviceSnapshot], to: Follower) -> None:
    """Write the events of `cards`; `devices` are the same ones, to read from."""
    by_index = {card.index: card for card in cards}
    reader = hlml.EventReader(devices, is_past_included=options.is_past_shown)
    lost_before = 0
    while True:
        events = reader.wait(_WAIT_S if options.is_followed else 0.0)
        if events:
            to.write("".join(_line(options, event, by_index[event.card_index], to.clock) for event in events))
        if reader.lost_count > lost_before:
            to.warn(f"{reader.lost_count - lost_before} events came faster than they were read and are lost")
            lost_before = reader.lost_count
        if not options.is_followed:
            return


def _line(options: Options, event: Event, card: DeviceSnapshot, clock: Callable[[int], str]) -> str:
    if options.is_json:
        from hl_smi.json_pages import json_text
        from hl_smi.query.document import event_document

        document = event_document(card, event.number, event.box_time_ns, event.names, event.argument)
        return json_text(document, is_line=True)
    return render_event(clock(event.box_time_ns), card, event.names, event.argument)
