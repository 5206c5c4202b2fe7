"""Memory for descriptors without a card, and a gate without faults."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from device.card import FaultRecord
from device.memory import Bytes
from device.recipe import Operand


class QuietGate:
    """Lets the given faults strike at every question."""

    def __init__(self, *records: FaultRecord) -> None:
        self.records = records

    def strikes(self, name: str) -> tuple[FaultRecord, ...]:
        return self.records


@pytest.fixture
def quiet() -> QuietGate:
    return QuietGate()


@pytest.fixture
def gate() -> type[QuietGate]:
    return QuietGate


@pytest.fixture
def place() -> Callable[..., tuple[Operand, ...]]:
    """place(memory, array, ...): operands one behind the other in `memory`, filled with the arrays."""

    def put(memory: Bytes, *arrays: np.ndarray) -> tuple[Operand, ...]:
        operands = []
        offset = 0
        for array in arrays:
            data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            memory[offset : offset + data.size] = data
            operands.append(Operand(None, offset, data.size))
            offset += -(-data.size // 128) * 128
        return tuple(operands)

    return put


@pytest.fixture
def memory() -> Bytes:
    return np.zeros(1 << 20, np.uint8)


@pytest.fixture
def views(memory: Bytes) -> Callable[[Operand], Bytes]:
    return lambda operand: memory[operand.offset_bytes : operand.offset_bytes + operand.size_bytes]
