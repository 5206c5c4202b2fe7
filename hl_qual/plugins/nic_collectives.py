"""Patterns of traffic for the serdes base test: pair after pair, one sender, all-gather and all-reduce.

The collectives are direct, as Gaudi's are inside a box: every card sends to all others at once over the links of each
pair, no ring. All cards of the run meet between the steps, so nobody writes into a buffer that is still being read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hl_qual.outcome import Metric
from hl_qual.plugins.nic_links import message_bytes
from hl_qual.plugins.nic_traffic import write_all

if TYPE_CHECKING:
    from device.fabric import MemoryRegion
    from hl_qual.plugins.nic_links import Link, Links
    from hl_qual.plugins.nic_ranks import Ranks

__all__ = ["AllReduce", "all_gather", "epochs", "one_sender", "pair_after_pair", "rounds"]

_DEPTH = 4

# Parts that a card adds itself are numbered behind the ports.
_OWN_PARTS = 100

Look = Callable[[float], None]
Step = Callable[["Links", "Ranks", int, Callable[[], None]], None]


def rounds(modules: Sequence[int]) -> list[list[tuple[int, int]]]:
    """All pairs in as few rounds as there can be, each module once a round (the circle method of tournaments)."""
    circle: list[int | None] = [*sorted(modules), *([None] if len(modules) % 2 else [])]
    half = len(circle) // 2
    found = []
    for _ in range(max(len(circle) - 1, 0)):
        pairs = zip(circle[:half], reversed(circle[half:]), strict=True)
        found.append([(a, b) for a, b in pairs if a is not None and b is not None])
        circle.insert(1, circle.pop())
    return found


def pair_after_pair(links: Links, ranks: Ranks, iterations: int, look: Look) -> tuple[Metric, ...]:
    """Every pair once, all its links, both directions."""
    rates: list[float] = []
    schedule = rounds(ranks.modules)
    for number, pairs in enumerate(schedule):
        here = partial(look, number / len(schedule))
        partner = next((a + b - links.module for a, b in pairs if links.module in (a, b)), None)
        chosen = [link for link in links.links if link.peer[0] == partner]
        rates += _measured(links, chosen, partial(write_all, links, chosen, iterations, _DEPTH, here))
        ranks.meet(here)
    return _rate_metric("pair_bandwidth", rates)


def one_sender(links: Links, ranks: Ranks, iterations: int, look: Look) -> tuple[Metric, ...]:
    """Card after card sends, the others receive."""
    rates: list[float] = []
    for number, module in enumerate(sorted(ranks.modules)):
        here = partial(look, number / len(ranks.modules))
        if module == links.module:
            work = partial(write_all, links, links.links, iterations, _DEPTH, here)
            rates += _measured(links, links.links, work)
        ranks.meet(here)
    return _rate_metric("card_bandwidth", rates)


def epochs(links: Links, ranks: Ranks, counts: tuple[int, int], step: Step, look: Look) -> tuple[Metric, ...]:
    """`counts` are epochs and iterations an epoch; the bandwidth of the card is taken an epoch."""
    rates: list[float] = []
    for epoch in range(counts[0]):
        work = partial(step, links, ranks, counts[1], partial(look, epoch / counts[0]))
        rates += _measured(links, links.links, work)
    return _rate_metric("card_bandwidth", rates)


def _measured(links: Links, chosen: Sequence[Link], work: Callable[[], None]) -> list[float]:
    """Gb/s of all the chosen links together in device time while `work` ran; nothing if they carried nothing."""
    before = [(link.payload_bytes, links.usage(link)) for link in chosen]
    work()
    moved = sum(link.payload_bytes - was for link, (was, _) in zip(chosen, before, strict=True))
    spans = [links.usage(link).since(usage) for link, (_, usage) in zip(chosen, before, strict=True)]
    longest_s = max((span.busy_s + span.stalled_s for span in spans), default=0.0)
    return [moved * 8 / longest_s / 1e9] if longest_s > 0 and moved else []


def all_gather(links: Links, ranks: Ranks, iterations: int, look: Callable[[], None]) -> None:
    """Each iteration this card's part goes to every other card, spread over the links of the pair."""
    write_all(links, links.links, iterations, _DEPTH, look)
    ranks.meet(look)


class AllReduce:
    """Reduce-scatter and all-gather of vectors of 32-bit integers.

    The n-th links of all pairs carry the n-th part of what this card sums up: its own part and one of every other card.
    Sums of integers do not depend on the order, so every sum has one right value, which is compared.
    """

    def __init__(self, links: Links, seed: int) -> None:
        self._parts: dict[int, list[Link]] = {}
        seen: dict[int, int] = {}
        for link in links.links:
            part = seen.get(link.peer[0], 0)
            seen[link.peer[0]] = part + 1
            self._parts.setdefault(part, []).append(link)
        self._part_of = {id(link): part for part, members in self._parts.items() for link in members}
        self._own = {part: _own_part(seed, links, part) for part in self._parts}
        self._sums = {part: links.placed(self._own[part].view(np.uint8)) for part in self._parts}

    def __call__(self, links: Links, ranks: Ranks, iterations: int, look: Callable[[], None]) -> None:
        for _ in range(iterations):
            write_all(links, links.links, 1, 1, look)
            ranks.meet(look)
            for part, members in self._parts.items():
                self._reduce(links, part, members)
            ranks.meet(look)
            write_all(links, links.links, 1, 1, look, self._sum_of)
            ranks.meet(look)

    def _sum_of(self, link: Link, _number: int) -> MemoryRegion:
        return self._sums[self._part_of[id(link)]][1]

    def _reduce(self, links: Links, part: int, members: list[Link]) -> None:
        total, right = self._own[part].copy(), self._own[part].copy()
        received = np.empty(links.size, np.uint8)
        for link in members:
            links.card.copy_from_device(link.slots[0][0], received)
            total += received.view(np.uint32)
            right += link.expected[0].view(np.uint32)
        if not np.array_equal(total, right):
            for link in members:  # which of them it was
                links.check(link, 0)
        links.card.copy_to_device(self._sums[part][0], total.view(np.uint8))


def _own_part(seed: int, links: Links, part: int) -> NDArray[np.uint32]:
    return message_bytes(seed, links.module, _OWN_PARTS + part, 0, links.size).view(np.uint32)


def _rate_metric(name: str, rates: list[float]) -> tuple[Metric, ...]:
    if not rates:
        return ()
    ordered = sorted(rates)
    mean, median = sum(ordered) / len(ordered), ordered[len(ordered) // 2]
    return (Metric(name, mean, "Gb/s", "device", "model", ordered[0], median, ordered[-1]),)
