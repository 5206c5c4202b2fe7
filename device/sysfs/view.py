"""The state of a box as plain data: what the driver's files show, of one moment.

`read_box` is the edge: it looks at an open box. Everything else in this room works on the values. Units are in the
names; a status is the number of the driver's enum hl_device_status.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from device._device import ffi, lib
from device.card import Box, CardState

__all__ = ["BoxView", "CardFacts", "CardView", "PortCounters", "PortView", "SensorFacts", "read_box", "read_card"]

# What the statistics of a network interface are, among the counters of a port.
_COUNTERS = {
    "rx_bytes": lib.GAUDI_PORT_RX_OCTETS,
    "tx_bytes": lib.GAUDI_PORT_TX_OCTETS,
    "rx_packets": lib.GAUDI_PORT_RX_FRAMES_OK,
    "tx_packets": lib.GAUDI_PORT_TX_FRAMES_OK,
    "rx_errors": lib.GAUDI_PORT_RX_ERRORS,
    "tx_errors": lib.GAUDI_PORT_TX_ERRORS,
    "rx_crc_errors": lib.GAUDI_PORT_RX_FCS_ERRORS,
    "rx_dropped": lib.GAUDI_PORT_RX_DROPS,
    "carrier_changes": lib.GAUDI_PORT_PCS_LINK_TOGGLES,
}


class PortCounters(NamedTuple):
    """By the names of Linux' network statistics."""

    rx_bytes: int
    tx_bytes: int
    rx_packets: int
    tx_packets: int
    rx_errors: int
    tx_errors: int
    rx_crc_errors: int
    rx_dropped: int
    carrier_changes: int


@dataclass(frozen=True, slots=True)
class SensorFacts:
    """One temperature channel: the label of lm-sensors and its critical temperature."""

    name: str
    critical_c: float


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What never changes. `pci_ids` are vendor and device, those of the subsystem are the same."""

    index: int
    family: str
    name: str
    serial: str
    uuid: str
    cpld: str
    fw_fit: str
    fw_spi: str
    fw_uboot: str
    fw_os: str
    bus_id: str
    module_id: int
    pci_ids: tuple[int, int]
    pci_revision: int
    pcie_generation_max: int
    pcie_width_max: int
    numa_node: int
    cpus: tuple[int, ...]
    mac_base: int
    clock_soc_max_mhz: int
    slowdown_c: float
    sensors: tuple[SensorFacts, ...]
    ports: tuple[int, ...]  # peer card of each: a module id, -1 external, -2 not connected


@dataclass(frozen=True, slots=True)
class PortView:
    """One port of one moment."""

    is_up: bool
    counters: PortCounters


@dataclass(frozen=True, slots=True)
class CardView:
    """One card of one moment; `temperatures_c` in the order of the sensors."""

    facts: CardFacts
    status: int
    is_lost: bool
    is_held: bool
    reset_count: int
    clock_soc_mhz: float
    limit_mw: int
    power_54v_w: float
    power_12v_w: float
    energy_j: float
    pcie_generation: int
    pcie_width: int
    temperatures_c: tuple[float, ...]
    ports: tuple[PortView, ...]

    @property
    def is_operational(self) -> bool:
        return self.status == 0 and not self.is_lost


@dataclass(frozen=True, slots=True)
class BoxView:
    """A server. Without driver there are no cards, and only the PCI bus knows that there is something."""

    name: str
    release: str
    driver_version: str
    server_type: int
    cards: tuple[CardView, ...]
    is_driver_loaded: bool = True

    @property
    def is_legacy(self) -> bool:
        """Drivers up to 1.12 have a class of their own, /sys/class/habanalabs, and nodes /dev/hlN."""
        numbers = re.findall(r"\d+", self.release)
        return len(numbers) >= 2 and (int(numbers[0]), int(numbers[1])) <= (1, 12)


def read_box(box: Box, only: frozenset[int] | None = None) -> BoxView:
    """The box of now; `only` leaves these cards. CardLostError if it was taken down or its driver unloaded."""
    identity = lib.gaudi_box_identity_of(box.c_object)
    return BoxView(
        name=_text(identity.name),
        release=_text(identity.release),
        driver_version=_text(identity.driver_version),
        server_type=int(identity.server_type),
        cards=tuple(read_card(card) for card in box.cards if only is None or card.index in only),
    )


def read_card(card: CardState) -> CardView:
    """One card of now."""
    reading = ffi.new("gaudi_reading *")
    card.check(lib.gaudi_card_read(card.c_object, reading))
    ports = ffi.new("gaudi_ports *")
    card.check(lib.gaudi_card_read_ports(card.c_object, ports))
    processes = ffi.new("gaudi_processes *")
    card.check(lib.gaudi_card_read_processes(card.c_object, processes))
    facts = _facts(card)
    up = card.links_up()
    return CardView(
        facts=facts,
        status=int(reading.status),
        is_lost=bool(reading.is_lost),
        is_held=processes.count > 0,
        reset_count=int(reading.reset_count),
        clock_soc_mhz=float(reading.clock_soc_mhz),
        limit_mw=int(reading.limit_mw),
        power_54v_w=float(reading.power_54v_w),
        power_12v_w=float(reading.power_12v_w),
        energy_j=float(reading.energy_j),
        pcie_generation=int(reading.pcie_generation),
        pcie_width=int(reading.pcie_width),
        temperatures_c=tuple(
            float(lib.gaudi_sensor_temperature(card.c_object, i, reading)) for i in range(len(facts.sensors))
        ),
        ports=tuple(
            PortView(bool(up >> port & 1), _counters(ports.port[port].value)) for port in range(len(facts.ports))
        ),
    )


def _counters(values: Any) -> PortCounters:
    return PortCounters(**{name: int(values[number]) for name, number in _COUNTERS.items()})


def _text(field: Any) -> str:
    return bytes(ffi.string(field)).decode("utf-8", "backslashreplace")


def _facts(card: CardState) -> CardFacts:
    i = lib.gaudi_card_identity(card.c_object)
    texts = {
        key: _text(getattr(i, key))
        for key in ("family", "name", "serial", "uuid", "cpld", "fw_fit", "fw_spi", "fw_uboot", "fw_os", "bus_id")
    }
    return CardFacts(
        **texts,
        index=card.index,
        module_id=int(i.module_id),
        pci_ids=(int(i.pci_device_id) >> 16, int(i.pci_device_id) & 0xFFFF),
        pci_revision=int(i.pci_revision),
        pcie_generation_max=int(i.pcie_generation_max),
        pcie_width_max=int(i.pcie_width_max),
        numa_node=int(i.numa_node),
        cpus=tuple(64 * word + bit for word, mask in enumerate(i.cpu_mask) for bit in range(64) if mask >> bit & 1),
        mac_base=int(i.mac_base),
        clock_soc_max_mhz=int(i.clock_soc_max_mhz),
        slowdown_c=float(lib.gaudi_card_physics(card.c_object).slowdown_c),
        sensors=tuple(SensorFacts(_text(s.name), float(s.critical_c)) for s in i.sensor[0 : i.sensor_count]),
        ports=tuple(int(port.peer_card) for port in i.port[0 : i.port_count]),
    )
