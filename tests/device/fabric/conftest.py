"""Two queue pairs that are connected, and buffers with known bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from device.fabric import CompletionQueue, MemoryRegion, QueuePair
from device.runtime import Card, DeviceBuffer

CONNECTED = 0  # a port of card 0 that leads to another card


class Side:
    """One end of a connection: a card with its queue and, once made, a pair."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self.network = card.network
        self.nic = card.network.nic
        self.cq: CompletionQueue = self.nic.create_cq()

    def pair(self, port: int, **options: Any) -> QueuePair:
        return self.nic.create_qp(port, self.cq, **options)

    def buffer(self, data: np.ndarray[Any, Any]) -> tuple[DeviceBuffer, MemoryRegion]:
        """Device memory that holds `data`, registered with all rights."""
        buffer = self.card.malloc(data.nbytes)
        self.card.copy_to_device(buffer, data)
        return buffer, self.network.register(buffer)

    def contents(self, buffer: DeviceBuffer) -> np.ndarray[Any, Any]:
        data = np.empty(buffer.size_bytes, np.uint8)
        self.card.copy_from_device(buffer, data)
        return data


def pattern(size: int, seed: int = 1) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)


@pytest.fixture
def side(box: Any) -> Iterator[Side]:
    """Card 0."""
    with Card.acquire(0, box.path) as card:
        yield Side(card)


@pytest.fixture
def loop(side: Side) -> tuple[QueuePair, QueuePair]:
    """Two pairs on one port, connected with each other by loopback."""
    first, second = side.pair(CONNECTED), side.pair(CONNECTED)
    first.connect(second.address)
    second.connect(first.address)
    return first, second


@pytest.fixture
def make_side() -> Callable[[Card], Side]:
    return Side


@pytest.fixture
def make_pattern() -> Callable[..., np.ndarray[Any, Any]]:
    return pattern
