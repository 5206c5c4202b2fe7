"""What specs/driver.toml says about the driver's surface of an ASIC."""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass
from pathlib import Path

from device.facts import FactFile

__all__ = ["Bar", "DriverFacts", "Rail", "RailKind", "load_driver_facts"]

_FILE = Path(__file__).parent.parent / "specs" / "driver.toml"


class RailKind(enum.StrEnum):
    """FIXED stays at its voltage; the others are the two supply rails of a card."""

    FIXED = "fixed"
    RAIL54 = "rail54"
    RAIL12 = "rail12"


@dataclass(frozen=True, slots=True)
class Bar:
    """A base address register; the registers are 64 bits wide, so only even ones count."""

    index: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Rail:
    """Voltage channels "first-last" of hwmon that read the same."""

    channels: str
    kind: RailKind
    millivolt: int

    def numbers(self) -> range:
        first, _, last = self.channels.partition("-")
        return range(int(first), int(last or first) + 1)


@dataclass(frozen=True, slots=True)
class DriverFacts:
    """Of one ASIC; the names are those of the file. Rails are in the order of their channels."""

    vrm_version: int
    port_mbps: int
    has_verbs: bool
    bar: tuple[Bar, ...]
    rail: tuple[Rail, ...]


@functools.cache
def load_driver_facts(family: str) -> DriverFacts:
    """`family` is gaudi, gaudi2 or gaudi3. SpecError for another one."""
    file = FactFile(_FILE)
    parts = {"bar": file.rows(Bar, f"{family}.bar", "index"), "rail": file.rows(Rail, f"{family}.rail", "channels")}
    return file.section(DriverFacts, family, parts)
