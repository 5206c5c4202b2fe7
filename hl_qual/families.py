"""Which family a card belongs to: by PCI device id, as the real tool does it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from hlml.types import DeviceSnapshot

__all__ = ["TITLES", "detect_family", "family_of"]

TITLES = {"gaudi": "Gaudi", "gaudi2": "Gaudi2", "gaudi3": "Gaudi3"}

# Device ids of vendor 1da3: first generation 1000, 1010 (secured); Gaudi 2 and 2E 1020, 1021; Gaudi 3 1060 to 106f.
_HABANA = 0x1DA3
_IDS = {0x1000: "gaudi", 0x1010: "gaudi", 0x1020: "gaudi2", 0x1021: "gaudi2"}


def family_of(snapshot: DeviceSnapshot) -> str | None:
    """The family as the switches spell it (gaudi, gaudi2, gaudi3); None for a card that is none of them."""
    vendor, device = snapshot.pci.device_id >> 16, snapshot.pci.device_id & 0xFFFF
    # HLML puts the device id into the upper half, as NVML does; both orders are taken.
    if device == _HABANA:
        vendor, device = device, vendor
    if vendor != _HABANA:
        return None
    return "gaudi3" if device & 0xFFF0 == 0x1060 else _IDS.get(device)


def detect_family(snapshots: Iterable[DeviceSnapshot]) -> str | None:
    """Family of the cards of a server; None without a card, or when they differ."""
    families = {family_of(snapshot) for snapshot in snapshots}
    return families.pop() if len(families) == 1 else None
