"""Cards that the host shows already: a real driver's, or those of an outer exec. A view shows its own only."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["HostCards"]

_DRIVER = Path("/sys/bus/pci/drivers/habanalabs")
_BUS_ID = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_MODULES = re.compile(r"habanalabs(_\w+)?")
_NODES = re.compile(r"accel|hl\d+|hl_controlD\d+")


class HostCards:
    """What the host's driver has bound, looked up when this is made."""

    def __init__(self, driver: Path = _DRIVER) -> None:
        try:
            names = [path.name for path in driver.iterdir()]
        except OSError:
            names = []
        self.bus_ids = frozenset(name for name in names if _BUS_ID.fullmatch(name))

    def hides(self, entry: os.DirEntry[str]) -> bool:
        """Whether an entry of the host's /sys, /dev or /dev/accel belongs to such a card."""
        place = Path(entry.path).parent
        if place == Path("/dev"):
            return bool(_NODES.fullmatch(entry.name))
        if not str(place).startswith("/sys"):
            return False
        if place in (Path("/sys/module"), Path("/sys/bus/pci/drivers")):
            return bool(_MODULES.fullmatch(entry.name))
        if entry.is_symlink():
            parts = Path(entry.path).readlink().parts
            return not self.bus_ids.isdisjoint(parts)
        if entry.name in self.bus_ids:
            return True
        return self._is_root_bus(entry)

    def _is_root_bus(self, entry: os.DirEntry[str]) -> bool:
        """A root bus in /sys/devices with such cards and nothing else."""
        if not entry.name.startswith("pci") or not entry.is_dir(follow_symlinks=False):
            return False
        devices = [name.name for name in Path(entry.path).iterdir() if _BUS_ID.fullmatch(name.name)]
        return bool(devices) and self.bus_ids.issuperset(devices)
