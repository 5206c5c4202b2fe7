"""When an injected fault acts: "temp>75", after a while, one time in many, once. Stored in the fault's record.

The bits are those that csrc/card_records.h describes at gaudi_fault.
"""

from __future__ import annotations

import difflib
import re
import struct
from dataclasses import dataclass

from device._device import lib
from device.card import CardReading, FaultRecord
from device.errors import BoxError

__all__ = ["Condition", "parse_when"]

_ONCE = 1
_BELOW = 1 << 12
_QUANTITY_SHIFT = 8

# What `--when` may speak of, by its number in enum gaudi_fault_quantity.
_QUANTITIES: dict[str, tuple[int, str]] = {
    "temp": (lib.GAUDI_FAULT_DIE_C, "C"),
    "hbm": (lib.GAUDI_FAULT_HBM_C, "C"),
    "power": (lib.GAUDI_FAULT_POWER_W, "W"),
    "clock": (lib.GAUDI_FAULT_CLOCK_MHZ, "MHz"),
    "util": (lib.GAUDI_FAULT_UTILIZATION, "%"),
}
_NAMES = {number: (name, unit) for name, (number, unit) in _QUANTITIES.items()}


@dataclass(frozen=True, slots=True)
class Condition:
    """All of it has to hold. `quantity` 0: no threshold. `one_in` 0 and 1: every time."""

    quantity: int = 0
    is_below: bool = False
    threshold: float = 0.0
    after_ns: int = 0
    one_in: float = 0.0
    is_once: bool = False

    @property
    def is_immediate(self) -> bool:
        """Holds from the injection on."""
        return self.quantity == 0 and self.after_ns == 0

    @property
    def flags(self) -> int:
        return (_ONCE if self.is_once else 0) | (_BELOW if self.is_below else 0) | self.quantity << _QUANTITY_SHIFT

    @property
    def parameters(self) -> tuple[int, int]:
        return _bits(self.threshold), _bits(self.one_in)

    @classmethod
    def of(cls, record: FaultRecord) -> Condition:
        return cls(
            quantity=record.flags >> _QUANTITY_SHIFT & 0xF,
            is_below=bool(record.flags & _BELOW),
            threshold=_number(record.parameters[0]),
            one_in=_number(record.parameters[1]),
            is_once=bool(record.flags & _ONCE),
        )

    def holds(self, reading: CardReading) -> bool:
        """The threshold, for what the card shows at one moment."""
        value = {
            lib.GAUDI_FAULT_DIE_C: reading.die_c,
            lib.GAUDI_FAULT_HBM_C: reading.hbm_c,
            lib.GAUDI_FAULT_POWER_W: reading.power_w,
            lib.GAUDI_FAULT_CLOCK_MHZ: reading.clock_soc_mhz,
            lib.GAUDI_FAULT_UTILIZATION: reading.utilization_percent,
        }.get(self.quantity)
        return value is None or (value < self.threshold if self.is_below else value > self.threshold)

    def __str__(self) -> str:
        """As words; "" if it always holds."""
        parts = []
        if self.quantity in _NAMES:
            name, unit = _NAMES[self.quantity]
            parts.append(f"when {name}{'<' if self.is_below else '>'}{self.threshold:g} {unit}")
        if self.one_in > 1:
            parts.append(f"one in {self.one_in:g}")
        if self.is_once:
            parts.append("once")
        return ", ".join(parts)


def parse_when(text: str) -> tuple[int, bool, float]:
    """ "temp>75" as quantity, whether below, threshold. BoxError lists what can be named."""
    match = re.fullmatch(r"\s*([a-z]+)\s*([<>])\s*(-?\d+(?:\.\d+)?)\s*(?:C|W|MHz|%)?\s*", text)
    if match is None or match[1] not in _QUANTITIES:
        close = difflib.get_close_matches(match[1], _QUANTITIES, n=1) if match else []
        hint = f"; did you mean {close[0]!r}?" if close else ""
        units = ", ".join(f"{name} ({unit})" for name, (_, unit) in _QUANTITIES.items())
        raise BoxError(f"{text!r} is no condition such as 'temp>75' or 'clock<1000'; there are {units}{hint}")
    return _QUANTITIES[match[1]][0], match[2] == "<", float(match[3])


def _bits(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def _number(bits: int) -> float:
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])
