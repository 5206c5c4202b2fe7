"""From facts to the image of a box: identity and physics of every card, as csrc/card_layout.h lays them out.

The image is what csrc/create.c turns into files. The build embeds one (`python -m device.box`), gaudi-box makes others
at run time; both go through `build_image`. The layout comes from cffi, which read card_layout.h itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.box_spec import BoxSpec, CardPlace
from device.card_spec import FEATURES, SENSOR_GROUPS, CardSpec, load_card_spec
from device.errors import SpecError

__all__ = ["BoxImage", "build_image"]

# A cffi FFI object and the C data it makes have no useful static type.
Ffi = Any
CData = Any


@dataclass(frozen=True, slots=True)
class BoxImage:
    """C data that the caller keeps alive: gaudi_box_identity *, gaudi_card_image[] and its length."""

    identity: CData
    cards: CData
    card_count: int


def build_image(ffi: Ffi, box: BoxSpec, name: str = "default") -> BoxImage:
    """The image of a server. Deterministic: the same facts and the same key give the same bytes.

    SpecError: a text that does not fit its field, more sensors than a file has room for, air that cannot cool a card.
    """
    spec = load_card_spec(box.card)
    _check_cooling(box, spec)
    identity = ffi.new("gaudi_box_identity *")
    texts = {"name": name, "box_type": box.type, "release": box.release.name}
    texts |= {key: getattr(box.release, key) for key in ("hlml_version", "driver_version", "nic_driver_version")}
    _set_texts(identity, texts, box.file)
    identity.abi_level = box.release.abi_level
    identity.card_count = len(box.cards)
    identity.server_type = box.server_type
    cards = ffi.new("gaudi_card_image[]", max(len(box.cards), 1))
    for index, place in enumerate(box.cards):
        _fill_identity(cards[index].identity, box, spec, place, index)
        _fill_physics(cards[index].physics, box, spec, _serial(box, spec, index))
    return BoxImage(identity, cards, len(box.cards))


def _check_cooling(box: BoxSpec, spec: CardSpec) -> None:
    """The physics needs a die that comes to rest: what heat adds in leakage must not add as much heat again."""
    spread = (1 + spec.spread.leakage) * (1 + spec.spread.resistance)
    feedback = spec.power.leakage_w_per_k * spec.thermal.r_die_k_per_w * spread / box.airflow
    if feedback >= 0.95:
        raise SpecError(f"{box.file}: box.airflow: {box.airflow:g} is too little air; a {spec.card.name} runs away")


def _set_texts(struct: CData, texts: Mapping[str, str], file: Path) -> None:
    for field, text in texts.items():
        raw = text.encode()
        room = len(getattr(struct, field))
        if len(raw) >= room:
            raise SpecError(f"{file}: {field}: {text[:40]!r} is too long; it may have {room - 1} bytes")
        setattr(struct, field, raw)


def _hash(*parts: object) -> int:
    text = "\0".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _serial(box: BoxSpec, spec: CardSpec, index: int) -> str:
    return f"{spec.card.serial_prefix}{_hash(box.key, box.type, 'serial') % 10_000:04d}{index:02d}"


def _uuid(box: BoxSpec, spec: CardSpec, index: int) -> str:
    """Lot and place on the wafer, two digits each; the index keeps cards of one box apart."""
    seed = _hash(box.key, box.type, "uuid", index)
    return f"{spec.card.uuid_prefix}-{seed % 25 + 1:02d}-{index:02d}-{seed // 25 % 12 + 1:02d}"


def _mac_base(box: BoxSpec, spec: CardSpec, index: int) -> int:
    """48 addresses a card in steps of 64: the prefix, 12 bits of the box, 12 bits for its cards."""
    prefix = int(spec.card.mac_prefix.replace(":", ""), 16)
    return prefix << 24 | (_hash(box.key, box.type, "mac") & 0xFFF) << 12 | index * 64


def _fill_identity(out: CData, box: BoxSpec, spec: CardSpec, place: CardPlace, index: int) -> None:
    card, firmware = spec.card, box.release.firmware(spec.card.asic)
    texts = {
        "family": card.asic,
        "name": card.name,
        "serial": _serial(box, spec, index),
        "uuid": _uuid(box, spec, index),
        "model": card.model,
        "pcb_version": card.pcb_version,
        "pcb_assembly_version": card.pcb_assembly_version,
        "bus_id": place.bus_id,
        "cpld": card.cpld,
        "fw_fit": firmware.fit,
        "fw_spi": firmware.spi,
        "fw_uboot": firmware.uboot,
        "fw_os": firmware.os,
    }
    _set_texts(out, texts, spec.file)
    out.minor = index
    out.module_id = out.board_id = place.module_id
    out.hl_revision = card.hl_revision
    out.pci_domain, out.pci_bus, out.pci_device = place.bus_numbers
    out.pci_device_id = out.pci_subsystem_id = card.pci_vendor_id << 16 | card.pci_device_id
    out.pci_revision = card.pci_revision
    out.pcie_generation_max = card.pcie_generation
    out.pcie_width_max = card.pcie_width
    out.mac_count = card.mac_count
    out.mac_base = _mac_base(box, spec, index)
    out.memory_total_bytes = card.memory_total_bytes
    out.memory_reserved_bytes = card.memory_reserved_bytes
    out.clock_soc_max_mhz = card.clock_soc_max_mhz
    out.clock_soc_limit_mhz = card.clock_soc_limit_mhz
    out.clock_tpc_limit_mhz = card.clock_tpc_limit_mhz
    out.clock_hbm_mhz = card.clock_hbm_mhz
    out.reported_threshold_c = [spec.thermal.reported_threshold_c] * 4
    out.reset_ms = round(spec.control.reset_s * 1000)
    out.lacks = sum(1 << FEATURES.index(name) for name in spec.not_supported)
    _fill_numa(out, box, place)
    _fill_sensors(out, spec)
    _fill_ports(out, box, place)


def _fill_numa(out: CData, box: BoxSpec, place: CardPlace) -> None:
    out.numa_node = place.numa
    cpus = box.numa_cpus[place.numa] if place.numa >= 0 else frozenset[int]()
    for cpu in cpus:
        out.cpu_mask[cpu // 64] |= 1 << cpu % 64


def _fill_sensors(out: CData, spec: CardSpec) -> None:
    if len(spec.sensors) > len(out.sensor):
        raise spec.error("sensor.list", f"has {len(spec.sensors)} sensors; a card has room for {len(out.sensor)}")
    out.sensor_count = len(spec.sensors)
    for target, sensor in zip(out.sensor, spec.sensors, strict=False):
        _set_texts(target, {"name": sensor.name}, spec.file)
        target.group = SENSOR_GROUPS.index(sensor.group)
        target.critical_c = sensor.critical_c
        target.offset_c = sensor.offset_c
        target.gain = sensor.gain


def _fill_ports(out: CData, box: BoxSpec, place: CardPlace) -> None:
    """Cables lead to their slots, also where the card of a slot is absent: such a link is down, not unplugged."""
    ports = box.ports[place.module_id] if box.ports else ()
    out.port_count = len(ports)
    for target, (peer_card, peer_port) in zip(out.port, ports, strict=False):
        target.peer_card = peer_card
        target.peer_port = peer_port


def _spread(serial: str, what: str, half_width: float) -> float:
    """A factor around 1 that belongs to this card."""
    return 1.0 + half_width * (2.0 * (_hash(serial, what) / 2**64) - 1.0)


def _fill_physics(out: CData, box: BoxSpec, spec: CardSpec, serial: str) -> None:
    power, thermal, control, spread = spec.power, spec.thermal, spec.control, spec.spread
    engine = _spread(serial, "engine", spread.engine)
    resistance = _spread(serial, "resistance", spread.resistance)
    out.idle_w = power.idle_w * _spread(serial, "idle", spread.idle)
    out.leakage_w_per_k = power.leakage_w_per_k * _spread(serial, "leakage", spread.leakage)
    out.leakage_reference_c = power.leakage_reference_c
    # HBM, NIC and PCIe have clocks of their own (DESIGN: the HBM clock is independent of the SoC clock).
    out.engine_w = [
        power.mme_w * engine,
        power.tpc_w * engine,
        power.dma_w * engine,
        power.hbm_w * _spread(serial, "hbm", spread.engine),
        power.nic_w,
        power.pcie_w,
    ]
    out.follows_clock = [1, 1, 1, 0, 0, 0, 0, 0]
    out.rail12_idle_w = power.rail12_idle_w * _spread(serial, "rail12", spread.idle)
    out.rail12_share = power.rail12_share
    out.rail12_limit_w = power.rail12_limit_w
    out.utilization_dc_w = power.utilization_dc_w
    out.tau_power_s = power.tau_s
    out.tau_die_s = thermal.tau_die_s
    out.tau_hbm_s = thermal.tau_hbm_s
    out.tau_board_s = thermal.tau_board_s
    out.r_die_k_per_w = thermal.r_die_k_per_w * resistance
    out.r_hbm_k_per_w = thermal.r_hbm_k_per_w * resistance
    out.r_hbm_own_k_per_w = thermal.r_hbm_own_k_per_w * resistance
    out.r_board_k_per_w = thermal.r_board_k_per_w * resistance
    out.slowdown_c = thermal.slowdown_c
    out.shutdown_c = thermal.shutdown_c
    out.hysteresis_k = control.hysteresis_k
    out.hysteresis_share = control.hysteresis_share
    out.clock_step = control.step
    out.clock_grain = control.grain
    out.clock_floor = control.floor
    out.control_period_ns = control.period_ms * 1_000_000
    out.lease_ns = control.lease_ms * 1_000_000
    out.limit_default_mw = round(power.limit_default_w * 1000)
    out.limit_min_mw = round(power.limit_min_w * 1000)
    out.limit_max_mw = round(power.limit_max_w * 1000)
    out.ambient_c = box.ambient_c + spread.ambient_k * (_spread(serial, "ambient", 1.0) - 1.0)
    out.airflow = box.airflow
