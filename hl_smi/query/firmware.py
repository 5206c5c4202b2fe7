"""Components of --fw-versions, read out of the firmware strings of a snapshot. Drawn by `render.firmware`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hlml.types import DeviceSnapshot

__all__ = ["Component", "DeviceFirmware", "query_firmware"]

_PREBOOT = "Preboot version "
_VERSION = re.compile(r"hl-gaudi\S*")


@dataclass(frozen=True, slots=True)
class Component:
    """One component. `os` is empty where the vendor prints nothing; `parts` are the lines below it."""

    name: str
    version: str | None
    os: str = ""
    parts: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceFirmware:
    """The components of one card, in the vendor's order."""

    index: int
    minor: int
    bus_id: str
    components: tuple[Component, ...]


def query_firmware(snapshots: Sequence[DeviceSnapshot]) -> tuple[DeviceFirmware, ...]:
    """One entry a card."""
    return tuple(DeviceFirmware(card.index, card.minor, card.pci.bus_id, _components(card)) for card in snapshots)


def _components(card: DeviceSnapshot) -> tuple[Component, ...]:
    preboot = card.firmware_spi.removeprefix(_PREBOOT)
    match = _VERSION.search(preboot)
    version = match[0] if match else None
    eeprom, boot_info, i2c = ("eeprom", version), ("boot_info", version), ("i2c", version)
    os = version or ""
    return (
        Component("erom", preboot or None),
        Component("fuse", card.uuid),
        Component("cpld", card.cpld_version or None),
        Component("uboot", card.firmware_uboot.split(" (")[0] or None),
        # The vendor's spelling; the kernel's string ends in a newline of its own, hence the empty line after it.
        Component("arcmp", version, card.firmware_fit.rstrip("\n") + "\n" if card.firmware_fit else ""),
        Component("preboot", version, os, (eeprom, boot_info)),
        Component("mgmt", version, os, (i2c, eeprom, boot_info)),
        Component("pid", version, os, (eeprom, boot_info)),
    )
