"""The PCI directory of a card: what the kernel's PCI core shows for any device, and its configuration space.

Offsets and bits: the PCI Express base specification, as in the kernel's pci_regs.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from device.sysfs.facts import Bar, load_driver_facts
from device.sysfs.tree import READ_WRITE, WRITE, File, lines
from device.sysfs.view import CardFacts, CardView

__all__ = ["PCI_CLASS", "cpu_list", "cpu_mask", "render_config", "render_pci", "root_bus"]

PCI_CLASS = 0x120000  # processing accelerators
_CONFIG_BYTES = 4096
# GT/s of a generation, as the kernel writes them.
_SPEED = {1: "2.5 GT/s PCIe", 2: "5.0 GT/s PCIe", 3: "8.0 GT/s PCIe", 4: "16.0 GT/s PCIe", 5: "32.0 GT/s PCIe"}
# Where the memory of a card would lie in the host's address space: 1 TiB each, above everything that hosts have.
_WINDOW = 0x3000_0000_0000
_WINDOW_STEP = 1 << 40
# IORESOURCE_MEM, PREFETCH, SIZEALIGN and MEM_64 of the kernel, and the type bits of the register.
_BAR_FLAGS = 0x14220C
_RESOURCE_LINES = 7  # six registers and the ROM
_IRQ_BASE = 160  # interrupt numbers of emulated cards begin here; assumed
_PM_OFFSET, _EXPRESS_OFFSET = 0x40, 0x48
_COMMAND_MEMORY_MASTER = 0x0406  # memory space, bus master, INTx off
_STATUS_CAPABILITIES = 0x0010


# The same for every card that works.
_CONSTANT = {
    "dma_mask_bits": lines(64),
    "consistent_dma_mask_bits": lines(64),
    "broken_parity_status": lines(0, READ_WRITE),
    "msi_bus": lines(1, READ_WRITE),
    "ari_enabled": lines(0),
    "d3cold_allowed": lines(1, READ_WRITE),
    "power_state": lines("D0"),
    "driver_override": lines("(null)", READ_WRITE),
    "remove": File(b"", WRITE),
    "rescan": File(b"", WRITE),
}


def root_bus(facts: CardFacts) -> str:
    """The directory of the root bus under /sys/devices."""
    return "pci" + facts.bus_id.rpartition(":")[0]


def render_pci(card: CardView, is_bound: bool) -> dict[str, File]:
    """By name, without links, the driver's attributes and the directories of other classes. `is_bound`: to a driver."""
    facts = card.facts
    vendor, device = facts.pci_ids
    alias = (
        f"pci:v{vendor:08X}d{device:08X}sv{vendor:08X}sd{device:08X}"
        f"bc{PCI_CLASS >> 16:02X}sc{PCI_CLASS >> 8 & 0xFF:02X}i{PCI_CLASS & 0xFF:02X}"
    )
    driver = "DRIVER=habanalabs\n" if is_bound else ""
    uevent = (
        f"{driver}PCI_CLASS={PCI_CLASS:X}\nPCI_ID={vendor:04X}:{device:04X}\n"
        f"PCI_SUBSYS_ID={vendor:04X}:{device:04X}\nPCI_SLOT_NAME={facts.bus_id}\nMODALIAS={alias}\n"
    )
    return _CONSTANT | {
        "vendor": lines(f"0x{vendor:04x}"),
        "device": lines(f"0x{device:04x}"),
        "subsystem_vendor": lines(f"0x{vendor:04x}"),
        "subsystem_device": lines(f"0x{device:04x}"),
        "class": lines(f"0x{PCI_CLASS:06x}"),
        "revision": lines(f"0x{facts.pci_revision:02x}"),
        "config": File(render_config(card), READ_WRITE),
        "resource": File(_render_resource(facts).encode()),
        "irq": lines(_IRQ_BASE + facts.index),
        "enable": lines(1, READ_WRITE),
        "modalias": lines(alias),
        "uevent": File(uevent.encode(), READ_WRITE),
        "numa_node": lines(facts.numa_node, READ_WRITE),
        "local_cpus": lines(cpu_mask(facts.cpus)),
        "local_cpulist": lines(cpu_list(facts.cpus)),
        "max_link_speed": lines(_SPEED.get(facts.pcie_generation_max, "Unknown")),
        "max_link_width": lines(facts.pcie_width_max),
        "current_link_speed": lines(_SPEED.get(card.pcie_generation, "Unknown")),
        "current_link_width": lines(card.pcie_width),
    }


def cpu_list(cpus: Iterable[int]) -> str:
    """ "0-39,80-119", as the kernel prints a set of processors."""
    parts: list[list[int]] = []
    for cpu in sorted(cpus):
        if parts and parts[-1][1] == cpu - 1:
            parts[-1][1] = cpu
        else:
            parts.append([cpu, cpu])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def cpu_mask(cpus: Iterable[int]) -> str:
    """Words of 32 bits, the highest one first."""
    mask = sum(1 << cpu for cpu in set(cpus))
    words: list[str] = []
    while mask or not words:
        words.append(f"{mask & 0xFFFFFFFF:08x}")
        mask >>= 32
    return ",".join(reversed(words))


def _bar_addresses(facts: CardFacts) -> dict[int, tuple[int, Bar]]:
    """Registers by number. The largest comes first, so each lies at a multiple of its size."""
    address = _WINDOW + facts.index * _WINDOW_STEP
    found = {}
    for bar in sorted(load_driver_facts(facts.family).bar, key=lambda bar: -bar.size_bytes):
        found[int(bar.index)] = (address, bar)
        address += bar.size_bytes
    return found


def _render_resource(facts: CardFacts) -> str:
    bars = _bar_addresses(facts)
    text = []
    for number in range(_RESOURCE_LINES):
        if number in bars:
            start, bar = bars[number]
            text.append(f"0x{start:016x} 0x{start + bar.size_bytes - 1:016x} 0x{_BAR_FLAGS:016x}\n")
        else:
            text.append(f"0x{0:016x} 0x{0:016x} 0x{0:016x}\n")
    return "".join(text)


def render_config(card: CardView) -> bytes:
    """Configuration space: header, power management, PCI Express. A card that fell off the bus reads as all ones."""
    if card.is_lost:
        return b"\xff" * _CONFIG_BYTES
    facts = card.facts
    vendor, device = facts.pci_ids
    space = bytearray(_CONFIG_BYTES)
    struct.pack_into("<HHHH", space, 0x00, vendor, device, _COMMAND_MEMORY_MASTER, _STATUS_CAPABILITIES)
    space[0x08] = facts.pci_revision
    space[0x09:0x0C] = PCI_CLASS.to_bytes(3, "little")
    space[0x0C] = 16  # cache line, in words
    for number, (address, _) in _bar_addresses(facts).items():
        struct.pack_into("<Q", space, 0x10 + 4 * number, address | 0xC)  # 64 bits, prefetchable
    struct.pack_into("<HH", space, 0x2C, vendor, device)
    space[0x34] = _PM_OFFSET
    space[0x3C:0x3E] = bytes((0xFF, 1))  # line unknown, pin A
    struct.pack_into("<BBHHH", space, _PM_OFFSET, 0x01, _EXPRESS_OFFSET, 0x0003, 0x0008, 0)
    _pack_express(space, card)
    return bytes(space)


def _pack_express(space: bytearray, card: CardView) -> None:
    """PCI Express capability, version 2, endpoint: what `lspci -vv` shows as LnkCap and LnkSta."""
    facts, at = card.facts, _EXPRESS_OFFSET
    speeds = sum(1 << generation for generation in range(1, facts.pcie_generation_max + 1))
    struct.pack_into("<BBH", space, at, 0x10, 0, 0x0002)
    struct.pack_into("<I", space, at + 0x04, 0x10008022)  # 512 bytes of payload, extended tags, function level reset
    struct.pack_into("<HH", space, at + 0x08, 0x2830, 0)  # relaxed ordering, 256 bytes of payload, 512 of a read
    struct.pack_into("<I", space, at + 0x0C, facts.pcie_generation_max | facts.pcie_width_max << 4)
    struct.pack_into("<HH", space, at + 0x10, 0x0040, card.pcie_generation | card.pcie_width << 4)
    struct.pack_into("<I", space, at + 0x2C, speeds)
    struct.pack_into("<H", space, at + 0x30, facts.pcie_generation_max)
