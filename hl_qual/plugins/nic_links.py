"""The ports of one card under test: buffers, queue pairs, and what every one of them has done.

A link leads to another card of the run or, as a loopback, back to its own port. Every port sends bytes that belong to
it alone, so that data of another port, card or message never looks right.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hl_qual.plugins.nic_ranks import Endpoint

if TYPE_CHECKING:
    from device.fabric import CompletionQueue, MemoryRegion, PortUsage, QueuePair, WorkCompletion
    from device.runtime import DeviceBuffer
    from device.runtime.network import Network
    from hl_qual.plugins.api import RunContext

__all__ = ["SLOTS", "Link", "Links", "message_bytes"]

Bytes = NDArray[np.uint8]

# Messages of one port that may be on their way to a card at a time.
SLOTS = 2

# Two data sets in turn, so that a message that did not come leaves the wrong one behind.
_SETS = 2


def message_bytes(seed: int, module: int, port: int, number: int, size: int) -> Bytes:
    """What `port` of a card sends as message `number`."""
    random = np.random.default_rng([seed, module + 1, port, number % _SETS])
    return random.integers(0, 256, size, dtype=np.uint8)


@dataclass(slots=True)
class Link:
    """One port. `peer` is (module, port); `pair` sends, `back` receives (the same pair unless it is a loopback)."""

    port: int
    peer: tuple[int, int]
    is_loopback: bool
    pair: QueuePair
    back: QueuePair
    sources: list[MemoryRegion]
    slots: list[tuple[DeviceBuffer, MemoryRegion]]
    expected: list[Bytes]
    before: PortUsage
    target: Endpoint | None = None
    messages: int = 0
    payload_bytes: int = 0
    checked: int = 0
    mismatched: int = 0
    is_last_checked: bool = True
    latencies_s: list[float] = field(default_factory=list)
    failure: str | None = None
    wrong: str | None = None

    @property
    def name(self) -> str:
        """For messages: this port and the other one."""
        if self.is_loopback:
            return f"port {self.port} (loopback)"
        return f"port {self.port} (to module {self.peer[0]} port {self.peer[1]})"


class Links:
    """All links of one card. Messages have `size` bytes."""

    def __init__(self, ctx: RunContext, size: int) -> None:
        if ctx.card is None:
            raise RuntimeError(f"{ctx.job.plugin} needs a card")
        self.card = ctx.card
        self.network: Network = ctx.card.network
        self.module = ctx.job.device.module_id
        self.size = size
        self.queue: CompletionQueue = self.network.nic.create_cq(4096)
        self.links: list[Link] = []
        self._seed = ctx.job.seed
        self._by_number: dict[int, Link] = {}

    def add(self, port: int, is_loopback: bool) -> Link:
        """A port with its buffers; not connected yet."""
        nic = self.network.nic
        pair = nic.create_qp(port, self.queue)
        back = nic.create_qp(port, self.queue) if is_loopback else pair
        peer = (self.module, port) if is_loopback else self.network.cable(port)
        link = Link(
            port=port,
            peer=peer,
            is_loopback=is_loopback,
            pair=pair,
            back=back,
            sources=[self.placed(message_bytes(self._seed, self.module, port, i, self.size))[1] for i in range(_SETS)],
            slots=[self.placed(np.zeros(self.size, np.uint8)) for _ in range(SLOTS)],
            expected=[message_bytes(self._seed, *peer, i, self.size) for i in range(_SETS)],
            before=nic.usage(port),
        )
        self.links.append(link)
        self._by_number[pair.number] = link
        self._by_number[back.number] = link
        return link

    def placed(self, data: Bytes) -> tuple[DeviceBuffer, MemoryRegion]:
        """Device memory with these bytes, registered."""
        buffer = self.card.malloc(data.nbytes)
        self.card.copy_to_device(buffer, data)
        return buffer, self.network.register(buffer)

    def endpoints(self) -> dict[int, Endpoint]:
        """For the cards at the other ends."""
        return {
            link.port: Endpoint(link.pair.number, link.pair.psn, link.slots[0][1].key, link.slots[0][1].address)
            for link in self.links
            if not link.is_loopback
        }

    def connect(self, peers: dict[tuple[int, int], Endpoint]) -> None:
        """Loopbacks with themselves, the others with those that are there. Links without a peer are dropped."""
        from device.fabric import PortAddress, QpAddress

        for link in list(self.links):
            if link.is_loopback:
                link.pair.connect(link.back.address)
                link.back.connect(link.pair.address)
                link.target = Endpoint(0, 0, link.slots[0][1].key, link.slots[0][1].address)
            elif (target := peers.get(link.peer)) is not None:
                link.pair.connect(QpAddress(PortAddress(*link.peer), target.qp_num, target.psn))
                link.target = target
            else:
                self.links.remove(link)
        for link in self.links:
            for slot in range(SLOTS):
                self.post_receive(link, slot)

    def post_receive(self, link: Link, slot: int) -> None:
        link.back.receive(link.slots[slot][1], wr_id=slot)

    def link_of(self, completion: WorkCompletion) -> Link:
        return self._by_number[completion.qp_num]

    def check(self, link: Link, number: int, received: int | None = None) -> bool:
        """Compare message `number` where it was received with what the peer sends."""
        buffer, _ = link.slots[number % SLOTS]
        found = np.empty(self.size, np.uint8)
        self.card.copy_from_device(buffer, found)
        expected = link.expected[number % _SETS]
        link.checked += 1
        if received in (None, self.size) and bool(np.array_equal(found, expected)):
            return True
        link.mismatched += 1
        link.wrong = link.wrong or _difference(found, expected, number)
        return False

    def usage(self, link: Link) -> PortUsage:
        """Since the link was made."""
        return self.network.nic.usage(link.port).since(link.before)


def _difference(found: Bytes, expected: Bytes, number: int) -> str:
    wrong: Any = np.flatnonzero(found != expected)
    if len(wrong) == 0:
        return f"message {number}: it has another length"
    first = int(wrong[0])
    return (
        f"message {number}: {len(wrong)} bytes differ, the first at offset {first}: expected 0x{expected[first]:02x}, "
        f"actual 0x{found[first]:02x}"
    )
