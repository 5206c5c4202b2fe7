"""`gaudi-box inject` and `gaudi-box heal`: the catalogue in words, faults into and out of cards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from device.card import Box
from device.faults import catalogue, find_fault, heal, inject, parse_degree

__all__ = ["heal_faults", "inject_faults", "render_catalogue"]


def render_catalogue() -> str:
    """Each fault with what its degree means and what becomes visible where."""
    lines = []
    for fault in catalogue():
        unit = f" {fault.unit}" if fault.unit not in ("", "1") else ""
        lines.append(fault.name)
        lines.append(f"    {fault.visible}")
        if fault.minimum < fault.maximum:
            lines.append(
                f"    degree: {fault.degree}, {fault.minimum:g} to {fault.maximum:g}{unit}, else {fault.default:g}"
            )
    return "\n".join(lines)


def inject_faults(cards: Sequence[int], name: str, degree: str | None, seed: int, is_once: bool) -> Iterator[str]:
    """One line a card; an empty list means all cards."""
    fault = find_fault(name)
    value = None if degree is None else parse_degree(fault, degree)
    with Box.open() as box:
        numbers = list(cards) or range(len(box.cards))
        for index in numbers:
            box.card(index)  # all of them exist before the first one is touched
        for index in numbers:
            record = inject(box, index, fault, value, seed, is_once)
            yield f"card {index}: {fault.name}, degree {record.degree:g}. {fault.visible}"


def heal_faults(cards: Sequence[int], name: str | None) -> Iterator[str]:
    """One line a card; an empty list means all cards, no name all faults."""
    fault = None if name is None else find_fault(name)
    with Box.open() as box:
        for index in list(cards) or range(len(box.cards)):
            card = box.card(index)
            before = len(card.faults())
            heal(box, index, fault)
            gone = before - len(card.faults())
            yield f"card {index}: {gone} fault{'' if gone == 1 else 's'} healed"
