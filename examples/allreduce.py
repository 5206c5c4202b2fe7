"""Ring all-reduce over the fabric: every card of the box adds a vector of every other one, checked against numpy.

    python examples/allreduce.py [ELEMENTS]

Reduce-scatter, then all-gather, each n - 1 steps: in a step a card writes one part of its vector into the next card of
the ring and adds the part that came from the one before. Integers, so that the sum does not depend on the order.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.card import Box
from device.fabric import MemoryRegion, QueuePair
from device.runtime import Card, DeviceBuffer

Vector = NDArray[np.int32]


@dataclass
class Member:
    """One card: its vector, a buffer for what arrives, and the pairs to the next card and from the one before."""

    card: Card
    vector: DeviceBuffer
    inbox: DeviceBuffer
    vector_region: MemoryRegion
    inbox_region: MemoryRegion
    to_next: QueuePair | None = None
    from_before: QueuePair | None = None


def join(card: Card, data: Vector, part_bytes: int) -> Member:
    vector, inbox = card.malloc(data.nbytes), card.malloc(part_bytes)
    card.copy_to_device(vector, data)
    return Member(card, vector, inbox, card.network.register(vector), card.network.register(inbox))


def connect(before: Member, after: Member) -> None:
    """Over the first cable between the two."""
    nic, peer = before.card.network.nic, after.card.network.nic
    port = next(port for port in before.card.network.ports if before.card.network.cable(port)[0] == peer.module)
    before.to_next = nic.create_qp(port, nic.create_cq())
    after.from_before = peer.create_qp(before.card.network.cable(port)[1], peer.create_cq())
    before.to_next.connect(after.from_before.address)
    after.from_before.connect(before.to_next.address)


def step(ring: list[Member], parts: list[int], part_bytes: int, adds: bool) -> float:
    """Member i sends its part parts[i]; device seconds of the slowest write."""
    for i, member in enumerate(ring):
        target = ring[(i + 1) % len(ring)]
        assert member.to_next is not None
        member.to_next.write(
            member.vector_region,
            target.inbox_region.key,
            target.inbox_region.address,
            offset=parts[i] * part_bytes,
            length=part_bytes,
        )
    slowest_s = 0.0
    for member in ring:
        assert member.to_next is not None
        (done,) = member.to_next.send_queue.wait()
        if not done.is_success:
            raise SystemExit(f"a write failed: {done.status.text}")
        slowest_s = max(slowest_s, done.device_s)
    for i, member in enumerate(ring):
        arrived = np.empty(part_bytes // 4, np.int32)
        member.card.copy_from_device(member.inbox, arrived)
        store(member, parts[(i - 1) % len(ring)], arrived, adds)
    return slowest_s


def store(member: Member, part: int, arrived: Vector, adds: bool) -> None:
    """Put the part into the vector, or add it. The host stands in for a TPC kernel."""
    begin = member.vector.part(part * arrived.nbytes, arrived.nbytes)
    if adds:
        own = np.empty_like(arrived)
        member.card.copy_from_device(begin, own)
        arrived = arrived + own
    member.card.copy_to_device(begin, arrived)


def main() -> None:
    elements = int(sys.argv[1]) if len(sys.argv) > 1 else 1 << 18
    with Box.open() as box:
        count = len(box.cards)
        elements -= elements % count
        data = [np.random.default_rng(i).integers(-1000, 1000, elements, dtype=np.int32) for i in range(count)]
        part_bytes = elements * 4 // count
        ring = [join(Card.acquire(i, box), data[i], part_bytes) for i in range(count)]
        try:
            for i in range(count):
                connect(ring[i], ring[(i + 1) % count])
            device_s = 0.0
            for k in range(count - 1):
                device_s += step(ring, [(i - k) % count for i in range(count)], part_bytes, adds=True)
            for k in range(count - 1):
                device_s += step(ring, [(i + 1 - k) % count for i in range(count)], part_bytes, adds=False)
            wrong = sum(differences(member, np.sum(data, axis=0, dtype=np.int32)) for member in ring)
        finally:
            for member in ring:
                member.card.close()
    algorithm = elements * 4 / device_s / 1e9
    print(f"{count} cards, {elements} int32: {wrong} wrong elements")
    bus = algorithm * 2 * (count - 1) / count
    print(f"{algorithm:.2f} GB/s, bus bandwidth {bus:.2f} GB/s, device time, one link a hop")
    if wrong:
        sys.exit(1)


def differences(member: Member, expected: Vector) -> int:
    found = np.empty_like(expected)
    member.card.copy_from_device(member.vector, found)
    return int(np.count_nonzero(found != expected))


if __name__ == "__main__":
    main()
