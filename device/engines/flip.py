"""What a computing engine that is broken does to its result."""

from __future__ import annotations

import numpy as np

from device.faults import FaultGate
from device.memory import Bytes
from device.seeds import seeded

__all__ = ["Defect", "flip_bit"]


def flip_bit(result: Bytes, element_bytes: int, seed: int) -> None:
    """One bit of one element as it is stored, both chosen by the seed alone: a defect stays where it is."""
    element = seeded(seed, "element") % (result.size // element_bytes)
    bit = seeded(seed, "bit") % (8 * element_bytes)
    result[element * element_bytes + bit // 8] ^= np.uint8(1 << bit % 8)


class Defect:
    """What a fault of that name does to one result, each time the result has been computed."""

    def __init__(self, name: str, result: Bytes, element_bytes: int) -> None:
        self._name = name
        self._result = result
        self._element_bytes = element_bytes

    def act(self, faults: FaultGate) -> None:
        for fault in faults.strikes(self._name):
            flip_bit(self._result, self._element_bytes, fault.seed)
