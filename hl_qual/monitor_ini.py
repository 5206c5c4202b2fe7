"""The monitor INI of the real tool (-mon_cfg): bounds to watch. Pure.

A sample outside its bounds is marked in the live view and counted in the closing report; it does not fail a card.
Units: degrees Celsius, W, MHz, MiB. The ECC sections only switch a counter on or off.
"""

from __future__ import annotations

import configparser
from dataclasses import dataclass

from hl_qual.errors import UsageError
from hlml.types import DeviceSnapshot

__all__ = ["Bounds", "Range", "parse_bounds", "violations"]

_RANGES = ("TEMP_MON", "POWER_MON", "CLOCK_MON", "MEM_MON")
_ECC = {
    "SRAM_SERR_MON": ("ecc_sram", "corrected_aggregate"),
    "SRAM_DERR_MON": ("ecc_sram", "uncorrected_aggregate"),
    "DRAM_SERR_MON": ("ecc_hbm", "corrected_aggregate"),
    "DRAM_DERR_MON": ("ecc_hbm", "uncorrected_aggregate"),
}


@dataclass(frozen=True, slots=True)
class Range:
    """Inclusive bounds; None is open."""

    low: float | None = None
    high: float | None = None

    def holds(self, value: float) -> bool:
        """True if the value lies within."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


# Enabled sections only. An ECC section has an open range.
Bounds = dict[str, Range]


def parse_bounds(text: str, path: str) -> Bounds:
    """Bounds of an INI text; UsageError names what does not fit."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text, source=path)
    except configparser.Error as error:
        raise UsageError(f"{path}: {str(error).splitlines()[0]}") from error
    bounds = {}
    for section in parser.sections():
        if section not in _RANGES and section not in _ECC:
            raise UsageError(f"{path}: unknown section [{section}], known: {', '.join((*_RANGES, *_ECC))}")
        try:
            is_enabled = parser[section].getboolean("enable", fallback=False)
            value = Range(parser[section].getfloat("LOW"), parser[section].getfloat("HIGH"))
        except ValueError as error:
            raise UsageError(f"{path}: [{section}]: {error}") from error
        if is_enabled:
            bounds[section] = value
    return bounds


def violations(bounds: Bounds, snapshot: DeviceSnapshot, first: DeviceSnapshot) -> list[str]:
    """Sections that this sample violates; for ECC: a counter above its value before the test."""
    values = {
        "TEMP_MON": float(snapshot.temperature_c),
        "POWER_MON": snapshot.power_54v_mw / 1e3,
        "CLOCK_MON": float(snapshot.clock_soc_mhz),
        "MEM_MON": snapshot.memory_used_bytes / 2**20,
    }
    found = [section for section, value in values.items() if section in bounds and not bounds[section].holds(value)]
    for section, (memory, counter) in _ECC.items():
        grew = getattr(getattr(snapshot, memory), counter) > getattr(getattr(first, memory), counter)
        if section in bounds and grew:
            found.append(section)
    return found
