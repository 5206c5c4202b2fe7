"""NIC ports of a card as network interfaces and as an InfiniBand device. Pure.

Interfaces have the names that udev gives ("enp67s0d3": bus 67, slot 0, port 3), since tools find them by their PCI
directory and `dev_port`. Only their files exist; the network of the host does not know them.
"""

from __future__ import annotations

import functools

from device.sysfs.facts import load_driver_facts
from device.sysfs.tree import READ_WRITE, File, lines
from device.sysfs.view import CardFacts, CardView, PortView

__all__ = ["interface_name", "render_infiniband", "render_interface", "verbs_dev"]

_IFINDEX_BASE = 1000  # numbers of emulated interfaces; assumed, above those that hosts have
_PORTS_PER_CARD = 64  # room between the interface numbers of two cards
_MTU_BYTES = 8192  # what the driver's interfaces come up with; assumed
_ETHERNET = 1  # ARPHRD_ETHER
_FLAGS_UP, _FLAGS_DOWN = 0x1003, 0x1002
_STATISTICS = (
    "collisions", "multicast", "rx_bytes", "rx_crc_errors", "rx_dropped", "rx_errors", "rx_packets", "tx_bytes",
    "tx_dropped", "tx_errors", "tx_packets",
)  # fmt: skip


def interface_name(facts: CardFacts, port: int) -> str:
    domain, bus, slot = facts.bus_id.split(".")[0].split(":")
    prefix = f"P{int(domain, 16)}" if int(domain, 16) else ""
    suffix = f"d{port}" if port else ""
    return f"en{prefix}p{int(bus, 16)}s{int(slot, 16)}{suffix}"


def render_interface(card: CardView, port: int) -> dict[str, File]:
    """By name, without the links."""
    return _interface(card.facts, port, card.ports[port])


@functools.lru_cache(maxsize=4096)
def _interface(facts: CardFacts, port: int, view: PortView) -> dict[str, File]:
    """Kept: a port seldom changes, and there are many."""
    name = interface_name(facts, port)
    index = _IFINDEX_BASE + facts.index * _PORTS_PER_CARD + port
    counted = view.counters._asdict()
    files = {
        "address": lines((facts.mac_base + port).to_bytes(6, "big").hex(":")),
        "addr_len": lines(6),
        "broadcast": lines("ff:ff:ff:ff:ff:ff"),
        "carrier": lines(int(view.is_up), READ_WRITE),
        "carrier_changes": lines(view.counters.carrier_changes),
        "dev_id": lines("0x0"),
        "dev_port": lines(port),
        "duplex": lines("full"),
        "flags": lines(f"{_FLAGS_UP if view.is_up else _FLAGS_DOWN:#x}", READ_WRITE),
        "ifindex": lines(index),
        "iflink": lines(index),
        "mtu": lines(_MTU_BYTES, READ_WRITE),
        "operstate": lines("up" if view.is_up else "down"),
        "speed": lines(load_driver_facts(facts.family).port_mbps if view.is_up else -1),
        "type": lines(_ETHERNET),
        "uevent": File(f"INTERFACE={name}\nIFINDEX={index}\n".encode(), READ_WRITE),
    }
    return files | {f"statistics/{key}": lines(counted.get(key, 0)) for key in _STATISTICS}


def verbs_dev(facts: CardFacts) -> str:
    """Major and minor of uverbsN, as the kernel's InfiniBand core numbers them."""
    return f"231:{192 + facts.index}"


def render_infiniband(card: CardView, driver_version: str) -> dict[str, File]:
    """The files of infiniband/hbl_N by name. Ports of verbs count from 1."""
    facts = card.facts
    guid = facts.mac_base.to_bytes(6, "big")
    text = (guid[:3] + b"\xff\xfe" + guid[3:]).hex()
    grouped = ":".join(text[i : i + 4] for i in range(0, 16, 4))
    files = {
        "node_type": lines("1: CA"),
        "node_guid": lines(grouped),
        "sys_image_guid": lines(grouped),
        "node_desc": lines(f"hbl_{facts.index}", READ_WRITE),
        "fw_ver": lines(driver_version),
        "board_id": lines(facts.name),
    }
    gbps = load_driver_facts(facts.family).port_mbps // 1000
    for number, port in enumerate(card.ports, 1):
        files |= {
            f"ports/{number}/state": lines("4: ACTIVE" if port.is_up else "1: DOWN"),
            f"ports/{number}/phys_state": lines("5: LinkUp" if port.is_up else "3: Disabled"),
            f"ports/{number}/rate": lines(f"{gbps} Gb/sec (4X EDR)"),
            f"ports/{number}/link_layer": lines("Ethernet"),
            f"ports/{number}/lid": lines("0x0"),
        }
    return files
