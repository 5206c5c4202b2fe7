"""Copies and fills within the card, by the DMA engine or by the TPC; csrc/kernels/mover.h and numpy move the bytes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.engines.step import Operands
from device.faults import FaultGate
from device.memory import Bytes, move
from device.recipe.descriptors import Copy, Fill

__all__ = ["CopyStep", "FillStep"]

_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


class CopyStep:
    """A copy, bound. Other threads run meanwhile."""

    def __init__(self, copy: Copy, operands: Operands, threads: int = 1) -> None:
        self.node = copy.node
        self._threads = threads
        self._is_linear = _is_dense(copy, copy.source_steps) and _is_dense(copy, copy.destination_steps)
        source, destination = operands(copy.source), operands(copy.destination)
        if self._is_linear:
            size = math.prod(copy.sizes) * copy.element_bytes
            self._source, self._destination = source[:size], destination[:size]
        else:
            self._source = _strided(source, copy, copy.source_steps)
            self._destination = _strided(destination, copy, copy.destination_steps)

    def run(self, faults: FaultGate) -> None:
        if self._is_linear:
            move(self._destination, self._source, self._threads)
        else:
            np.copyto(self._destination, self._source)


class FillStep:
    """A fill, bound."""

    def __init__(self, fill: Fill, operands: Operands) -> None:
        self.node = fill.node
        self._output = operands(fill.output).view(_UNSIGNED[fill.value.dtype.size_bytes])
        self._bits = fill.value.bits

    def run(self, faults: FaultGate) -> None:
        self._output.fill(self._bits)


def _is_dense(copy: Copy, steps: tuple[int, ...]) -> bool:
    """Whether the elements follow each other."""
    expected = 1
    for size, step in zip(copy.sizes, steps, strict=True):
        if size > 1 and step != expected:
            return False
        expected *= size
    return True


def _strided(data: Bytes, copy: Copy, steps: tuple[int, ...]) -> NDArray[Any]:
    """As numpy sees them: the slow dimension first; an element of an odd size is a last dimension of bytes."""
    width = copy.element_bytes
    shape, strides = copy.sizes[::-1], tuple(step * width for step in reversed(steps))
    kind = _UNSIGNED.get(width)
    if kind is None:
        return np.lib.stride_tricks.as_strided(data, (*shape, width), (*strides, 1))
    return np.lib.stride_tricks.as_strided(data.view(kind), shape, strides)
