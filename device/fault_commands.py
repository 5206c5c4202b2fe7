"""What `gaudi-box inject` and `gaudi-box heal` do: the catalogue in words, faults into and out of cards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.box_control import restore_absent
from device.card import Box
from device.errors import BoxError
from device.fault_condition import Condition, parse_when
from device.faults import Fault, await_condition, catalogue, find_fault, heal, inject, parse_degree

__all__ = ["Wish", "catalogue_document", "heal_faults", "inject_faults", "inject_wish", "render_catalogue"]

_ABSENT = "absent-at-boot"


@dataclass(frozen=True, slots=True)
class Wish:
    """A fault as somebody asked for it; texts are checked when it is injected."""

    name: str
    degree: str | None = None
    address: str | None = None
    seed: int = 1
    when: str | None = None
    after_s: float = 0.0
    one_in: float = 0.0
    is_once: bool = False

    def checked(self) -> tuple[Fault, float | None, int, Condition]:
        """BoxError names what does not fit."""
        fault = find_fault(self.name)
        quantity, is_below, threshold = (0, False, 0.0) if self.when is None else parse_when(self.when)
        condition = Condition(
            quantity=quantity,
            is_below=is_below,
            threshold=threshold,
            after_ns=round(self.after_s * 1e9),
            one_in=self.one_in,
            is_once=self.is_once,
        )
        if not 0 <= self.seed < 2**64:
            raise BoxError(f"a seed lies between 0 and 2^64 - 1, not {self.seed}")
        degree = None if self.degree is None else parse_degree(fault, self.degree)
        return fault, degree, _address(self.address), condition


def _address(text: str | None) -> int:
    try:
        value = 0 if text is None else int(text, 0)
    except ValueError:
        value = -1
    if not 0 <= value < 2**64:
        raise BoxError(f"{text!r} is no address such as 0x1001000000")
    return value


def render_catalogue() -> str:
    """Each fault with what its degree means and what becomes visible where."""
    lines = []
    for fault in catalogue():
        lines.append(fault.name)
        lines.append(f"    {fault.visible}")
        if fault.degree_text:
            lines.append(f"    degree: {fault.degree_text}")
        if fault.address:
            lines.append(f"    address: {fault.address}")
    return "\n".join(lines)


def catalogue_document() -> list[dict[str, Any]]:
    return [
        {
            "name": fault.name,
            "number": fault.number,
            "acts": str(fault.acts),
            "visible": fault.visible,
            "degree": {"meaning": fault.degree, "unit": fault.unit, "default": fault.default,
                       "minimum": fault.minimum, "maximum": fault.maximum} if fault.has_degree else None,
            "address": fault.address or None,
        }
        for fault in catalogue()
    ]  # fmt: skip


def inject_faults(cards: Sequence[int], wish: Wish) -> Iterator[str]:
    """One line a card; an empty list means all cards. Waits for the condition of a fault that is a state."""
    fault, degree, address, condition = wish.checked()
    with Box.open() as box:
        numbers = list(cards) or range(len(box.cards))
        chosen = [box.card(index) for index in numbers]  # all of them exist before the first one is touched
        if not fault.acts.is_event and not condition.is_immediate:
            inject_check(fault, condition)
            yield f"waiting for card {chosen[0].index}: {condition or 'time'}; Ctrl-C gives up"
            await_condition(box, chosen[0], condition)
        for card in chosen:
            record = inject(box, card.index, fault, degree, wish.seed, wish.is_once, address, condition)
            words = f", degree {record.degree:g}" if fault.has_degree else ""
            when = f" ({condition})" if str(condition) else ""
            yield f"card {card.index}: {fault.name}{words}{when}. {fault.visible}"


def inject_wish(box: Box, index: int, wish: Wish) -> None:
    """Into one card of an open box, at once."""
    fault, degree, address, condition = wish.checked()
    inject(box, index, fault, degree, wish.seed, wish.is_once, address, condition)


def inject_check(fault: Fault, condition: Condition) -> None:
    """Before waiting: what could not be injected after it."""
    if condition.is_once or condition.one_in > 1:
        raise BoxError(f"{fault.name} is a state and not an event, so it cannot happen once or one time in many")


def heal_faults(cards: Sequence[int], name: str | None) -> Iterator[str]:
    """One line a card; an empty list means all cards, no name all faults."""
    fault = None if name is None else find_fault(name)
    with Box.open() as box:
        for index in list(cards) or range(len(box.cards)):
            card = box.card(index)
            before = len(card.faults())
            heal(box, index, fault)
            gone = before - len(card.faults())
            yield f"card {index}: {gone} fault{'' if gone == 1 else 's'} healed{_remains(card.pulse().status)}"
        if box.path and not cards and (fault is None or fault.name == _ABSENT):
            count = restore_absent(Path(box.path))
            if count:
                yield f"{count} absent card{'' if count == 1 else 's'} will be back after the next `gaudi-box up`"


def _remains(status: int) -> str:
    return {2: "; it is disabled until a reset", 3: "; it still needs a reset"}.get(status, "")
