"""The DMA engine: copies within the card."""

from __future__ import annotations

import numpy as np

from device.engines.step import Operands
from device.faults import FaultGate
from device.recipe.descriptors import DmaCopy

__all__ = ["CopyStep"]


class CopyStep:
    """A copy, bound. Other threads run meanwhile."""

    def __init__(self, copy: DmaCopy, operands: Operands) -> None:
        self.node = copy.node
        self._source = operands(copy.source)
        self._destination = operands(copy.destination)

    def run(self, faults: FaultGate) -> None:
        np.copyto(self._destination, self._source)
