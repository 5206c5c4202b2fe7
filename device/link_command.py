"""`gaudi-box link`: the links of a box as a table, and taking them up and down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from device.card import Box, CardState
from device.errors import BoxError

__all__ = ["links_of", "render_links", "set_links"]

_EXTERNAL = -1
_OPEN = -2


def links_of(cards: str, ports: str) -> list[dict[str, Any]]:
    """A row a port. BoxError for a card or port that is not there."""
    with Box.open(for_writing=False) as box:
        return [_row(card, port) for card, port in _chosen(box, cards, ports)]


def set_links(cards: str, ports: str, is_up: bool) -> None:
    """Ports that the board leaves open are left out."""
    with Box.open() as box:
        for card, port in list(_chosen(box, cards, ports)):
            if card.cable(port)[0] != _OPEN:
                box.set_link(card.index, port, is_up)


def _chosen(box: Box, cards: str, ports: str) -> Iterator[tuple[CardState, int]]:
    indexes = range(len(box.cards)) if cards == "all" else _numbers(cards, "cards such as 3, 0,2 or 0-3, or all")
    for index in indexes:
        card = box.card(index)
        for port in _ports(card, ports):
            yield card, port


def _ports(card: CardState, ports: str) -> list[int]:
    every = range(card.identity.port_count)
    if ports == "all":
        return list(every)
    if ports in ("internal", "external"):
        return [
            port for port in every if card.cable(port)[0] != _OPEN and _is_external(card, port) == (ports == "external")
        ]
    wanted = _numbers(ports, "ports such as 3, 8,22 or 0-7, nor internal, external or all")
    for port in wanted:
        if port not in every:
            raise BoxError(f"there is no port {port} on card {card.index}; it has {len(every)}, from 0 on")
    return wanted


def _is_external(card: CardState, port: int) -> bool:
    return card.cable(port)[0] == _EXTERNAL


def _numbers(text: str, what: str) -> list[int]:
    numbers: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,2})(?:-(\d{1,2}))?", part.strip())
        if not match:
            raise BoxError(f"{text!r} is no list of {what}")
        numbers.extend(range(int(match[1]), int(match[2] or match[1]) + 1))
    return sorted(set(numbers))


def _row(card: CardState, port: int) -> dict[str, Any]:
    module, peer_port = card.cable(port)
    return {
        "card": card.index,
        "port": port,
        "kind": "open" if module == _OPEN else "external" if module == _EXTERNAL else "internal",
        "peer_module": module if module >= 0 else None,
        "peer_port": peer_port if module >= 0 else None,
        "state": _state(card, port),
    }


def _state(card: CardState, port: int) -> str:
    if card.cable(port)[0] == _OPEN:
        return "not connected"
    now = "UP" if card.links_up() >> port & 1 else "DOWN"
    return f"{now}, flapping" if card.links_flapping() >> port & 1 else now


def render_links(rows: list[dict[str, Any]]) -> str:
    """A line a port."""
    lines = [f"{'card':>4} {'port':>4}  {'leads to':<18} state"]
    for row in rows:
        peer = row["kind"] if row["peer_module"] is None else f"module {row['peer_module']} port {row['peer_port']}"
        lines.append(f"{row['card']:>4} {row['port']:>4}  {peer:<18} {row['state']}")
    return "\n".join(lines)
