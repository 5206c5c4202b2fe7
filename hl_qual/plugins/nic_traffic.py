"""Traffic over the links of one card: messages there and back in step, or writes in one direction.

In step means that a card sends message k + 1 over a link when message k of the other side has come and been checked: so
nobody runs ahead of anybody, every message finds its buffer, and both know when it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hl_qual.plugins.nic_links import SLOTS, Link, Links

if TYPE_CHECKING:
    from device.fabric import MemoryRegion, WorkCompletion

__all__ = ["exchange", "probe_latency", "write_all"]

_LAST = 1 << 31

# A peer that does not move for this long, although its packets would have been lost long before, has died.
_PATIENCE_S = 0.25


class _Lockstep:
    """Where one link stands."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.sent = 0
        self.received = 0
        self.acknowledged = 0
        self.is_ending = False
        self.is_over = False


def exchange(links: Links, is_enough: Callable[[Link, int], bool], look: Callable[[], None]) -> None:
    """Messages in step over all links until `is_enough(link, messages)` on either side; `look` is called often.

    A link whose peer does not answer gets a `failure` and takes no further part.
    """
    states = {id(link): _Lockstep(link) for link in links.links if link.failure is None}
    for state in states.values():
        _send(links, state, is_enough)
    while any(not state.is_over for state in states.values()):
        for completion in links.queue.wait(_PATIENCE_S):
            state = states[id(links.link_of(completion))]
            if not state.is_over:
                _handle(links, state, completion, is_enough)
        look()


def _send(links: Links, state: _Lockstep, is_enough: Callable[[Link, int], bool]) -> None:
    link = state.link
    state.is_ending = state.is_ending or is_enough(link, state.sent)
    number = state.sent
    link.pair.send(link.sources[number % len(link.sources)], imm=number | (_LAST if state.is_ending else 0))
    state.sent += 1


def _handle(links: Links, state: _Lockstep, completion: WorkCompletion, is_enough: Callable[[Link, int], bool]) -> None:
    from device.fabric import WcOpcode

    link = state.link
    if not completion.is_success:
        link.failure = link.failure or completion.status.text
        state.is_over = True
        return
    if completion.opcode is WcOpcode.SEND:
        state.acknowledged += 1
        link.messages += 1
        link.payload_bytes += completion.byte_len
    else:
        _take(links, state, completion)
        if not state.is_ending:
            _send(links, state, is_enough)
    state.is_over = state.is_ending and state.acknowledged == state.sent == state.received


def _take(links: Links, state: _Lockstep, completion: WorkCompletion) -> None:
    """A message of the other side; one with the flag is its last one, and so it is ours."""
    link, number = state.link, state.received
    if completion.imm_data is None or completion.imm_data & ~_LAST != number:
        link.wrong = link.wrong or f"message {completion.imm_data} came in place of message {number}"
        link.mismatched += 1
    links.check(link, number, completion.byte_len)
    state.received += 1
    links.post_receive(link, number % SLOTS)
    if completion.imm_data is not None and completion.imm_data & _LAST:
        state.is_ending = True


def write_all(
    links: Links,
    senders: Sequence[Link],
    iterations: int,
    depth: int,
    look: Callable[[], None],
    source_of: Callable[[Link, int], MemoryRegion] | None = None,
) -> None:
    """RDMA writes of whole messages into the other side's first buffer, `iterations` a link, `depth` in flight.

    `source_of` gives what a link sends by the number of the message; else it is the link's own data sets in turn.
    """
    take = source_of or _own_data
    left = {id(link): iterations for link in senders if link.failure is None}
    open_writes = 0
    for link in senders:
        for _ in range(min(depth, left.get(id(link), 0))):
            _write(link, left, take(link, iterations - left[id(link)]))
            open_writes += 1
    while open_writes:
        for completion in links.queue.wait(_PATIENCE_S):
            link = links.link_of(completion)
            open_writes -= 1
            if not completion.is_success:
                link.failure = link.failure or completion.status.text
                left[id(link)] = 0
                continue
            link.messages += 1
            link.payload_bytes += completion.byte_len
            if left[id(link)]:
                _write(link, left, take(link, iterations - left[id(link)]))
                open_writes += 1
        look()


def _own_data(link: Link, number: int) -> MemoryRegion:
    return link.sources[number % len(link.sources)]


def _write(link: Link, left: dict[int, int], source: MemoryRegion) -> None:
    assert link.target is not None
    link.pair.write(source, link.target.rkey, link.target.address)
    left[id(link)] -= 1


def probe_latency(links: Links, link: Link, count: int) -> None:
    """Small writes, one at a time: device time from the first bit to the acknowledgement."""
    assert link.target is not None
    for _ in range(count):
        if link.failure is not None:
            return
        link.pair.write(link.sources[0], link.target.rkey, link.target.address, length=8)
        (completion,) = links.queue.completions(1)
        if completion.is_success:
            link.latencies_s.append(completion.device_s)
        else:
            link.failure = completion.status.text
