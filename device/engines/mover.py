"""Copies and fills within the card, by the DMA engine or by the TPC; the host moves the bytes in the same way."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.engines.step import Operands
from device.faults import FaultGate
from device.memory import Bytes
from device.recipe.descriptors import Copy, Fill

__all__ = ["CopyStep", "FillStep"]

_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


class CopyStep:
    """A copy, bound. Other threads run meanwhile."""

    def __init__(self, copy: Copy, operands: Operands) -> None:
        self.node = copy.node
        self._source = _strided(operands(copy.source), copy, copy.source_steps)
        self._destination = _strided(operands(copy.destination), copy, copy.destination_steps)

    def run(self, faults: FaultGate) -> None:
        np.copyto(self._destination, self._source)


class FillStep:
    """A fill, bound."""

    def __init__(self, fill: Fill, operands: Operands) -> None:
        self.node = fill.node
        self._output = operands(fill.output).view(_UNSIGNED[fill.value.dtype.size_bytes])
        self._bits = fill.value.bits

    def run(self, faults: FaultGate) -> None:
        self._output.fill(self._bits)


def _strided(data: Bytes, copy: Copy, steps: tuple[int, ...]) -> NDArray[Any]:
    """As numpy sees them: the slow dimension first; an element of an odd size is a last dimension of bytes."""
    width = copy.element_bytes
    shape, strides = copy.sizes[::-1], tuple(step * width for step in reversed(steps))
    kind = _UNSIGNED.get(width)
    if kind is None:
        return np.lib.stride_tricks.as_strided(data, (*shape, width), (*strides, 1))
    return np.lib.stride_tricks.as_strided(data.view(kind), shape, strides)
