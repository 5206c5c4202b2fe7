"""The driver's attributes of a card, with its format strings. Source: sysfs.c of the habanalabs driver."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable

from device.sysfs.facts import load_driver_facts
from device.sysfs.tree import READ, READ_WRITE, WRITE, File, lines
from device.sysfs.view import CardFacts, CardView

__all__ = ["EEPROM_BYTES", "device_type", "render_attributes"]

EEPROM_BYTES = 4096  # PAGE_SIZE of the driver
# What the driver's simulators answer; it keeps the card recognisable as an emulated one.
_EEPROM_TEXT = b"no EEPROM data on simulator"

# By enum hl_device_status; the driver makes the first letter upper case.
_STATUS = (
    "Operational",
    "In reset",
    "Disabled",
    "Needs reset",
    "In device creation",
    "In reset after device release",
)
_LOST = 2
# The PCI revision tells the Gaudi 2 variants apart.
_GAUDI2_BY_REVISION = {2: "GAUDI2B", 3: "GAUDI2C", 4: "GAUDI2D"}


def device_type(facts: CardFacts) -> str:
    """The text of `device_type`."""
    if facts.family == "gaudi2":
        return _GAUDI2_BY_REVISION.get(facts.pci_revision, "GAUDI2")
    return facts.family.upper()


def render_attributes(card: CardView, driver_version: str) -> dict[str, File]:
    """By name. What the firmware has to answer fails with ENODEV while the card is not operational."""
    facts = card.facts
    files = _firmware(facts)
    files |= {
        "device_type": lines(device_type(facts)),
        "driver_ver": lines(driver_version),
        "status": lines(_STATUS[_LOST if card.is_lost else card.status]),
        "hard_reset": File(b"", WRITE),
        "hard_reset_cnt": lines(card.reset_count),
        "pci_addr": lines(facts.bus_id),
        "module_id": lines(facts.module_id),
        "parent_device": lines(facts.bus_id),
        # 0: the power limit may be set, which the vendor's firmware allows only without security.
        "security_enabled": lines(0),
    }
    operational: dict[str, tuple[int, Callable[[], bytes]]] = {
        "clk_max_freq_mhz": (READ_WRITE, lambda: b"%d\n" % facts.clock_soc_max_mhz),
        "clk_cur_freq_mhz": (READ, lambda: b"%d\n" % round(card.clock_soc_mhz)),
        "max_power": (READ_WRITE, lambda: b"%d\n" % card.limit_mw),
        "eeprom": (READ, lambda: _EEPROM_TEXT.ljust(EEPROM_BYTES, b"\0")),
    }
    for name, (mode, content) in operational.items():
        files[name] = File(content(), mode) if card.is_operational else File(b"", mode, errno.ENODEV)
    return files


def _firmware(facts: CardFacts) -> dict[str, File]:
    """Four of them end without a newline, as in the driver."""
    release = _firmware_release(facts)
    vrm = load_driver_facts(facts.family).vrm_version
    return {
        "armcp_kernel_ver": File(facts.fw_fit.encode()),
        "cpucp_kernel_ver": File(facts.fw_fit.encode()),
        "thermal_ver": File(release.encode()),
        "fw_os_ver": File(facts.fw_os.encode() if facts.family != "gaudi" else b""),
        "armcp_ver": lines(release),
        "cpucp_ver": lines(release),
        "fuse_ver": lines(facts.uuid),
        "preboot_btl_ver": lines(facts.fw_spi),
        "uboot_ver": lines(facts.fw_uboot),
        "cpld_ver": lines(f"0x{0:08x}{int(facts.cpld, 16) if facts.cpld else 0:08x}"),
        "vrm_ver": lines(f"{vrm:#04x}"),
        "infineon_ver": lines(f"{vrm:#04x}"),
    }


def _firmware_release(facts: CardFacts) -> str:
    """ "hl-gaudi2-1.24.0-fw-62.6.2-sec-9" out of the firmware's longer texts."""
    for text in (facts.fw_spi, facts.fw_fit):
        match = re.search(r"hl-gaudi\d?-[0-9.]+-fw-[0-9.]+(?:-sec-\d+)?", text)
        if match:
            return match[0]
    return ""
