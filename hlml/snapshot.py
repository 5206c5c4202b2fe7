"""From one reading of the card state to a DeviceSnapshot.

What never changes (identity, sensor names, MAC addresses) is worked out once per card; a snapshot is then one read of
the shared state and a handful of conversions. Called by hlml.device only.
"""

from __future__ import annotations

import os
from typing import Any

from hlml._hlml import ffi, lib
from hlml.errors import BoxError, DeviceLostError, DriverNotLoadedError, HlmlError
from hlml.types import (
    PORT_COUNTER_NAMES,
    DeviceSnapshot,
    EccCounters,
    LinkInfo,
    MacAddress,
    PciInfo,
    PortState,
    ProcessInfo,
    ReplacedRow,
    RowReplacementCause,
    Sensor,
    SensorGroup,
    ThrottleReason,
)

__all__ = ["CardReader", "read_error"]

# The texts of sysfs `status` for enum gaudi_status; the driver capitalises the first letter.
STATUS_TEXT = (
    "Operational",
    "In reset",
    "Disabled",
    "Needs reset",
    "In device creation",
    "In reset after device release",
)
_ENGINES = ("mme", "tpc", "dma", "hbm", "nic", "pcie")
_THROTTLE_MASK = ThrottleReason.POWER | ThrottleReason.THERMAL
_ESTALE, _ENODEV = 116, 19
_CPU_BITS = 64
# gaudi_port_counters is a row of 64-bit words; the first ones have names, the rest is reserved.
_WORDS_PER_PORT = ffi.sizeof("gaudi_port_counters") // 8
_NAMED_COUNTERS = len(PORT_COUNTER_NAMES)


def text(field: Any) -> str:
    """A NUL-terminated C text; what is no UTF-8 is shown escaped."""
    return bytes(ffi.string(field)).decode("utf-8", "backslashreplace")


def read_error(code: int, index: int) -> HlmlError:
    """The exception for a negative errno of a read."""
    if code == -_ENODEV:
        return DriverNotLoadedError("the habanalabs driver of this box is not loaded; load it with 'gaudi-box up'")
    if code == -_ESTALE:
        return DeviceLostError(f"card {index} is gone: its box was taken down or replaced; run the command again")
    return BoxError(
        f"the state of card {index} cannot be read ({os.strerror(-code)}); take the box up again with 'gaudi-box up'"
    )


class CardReader:
    """Reads one card; keeps what never changes."""

    def __init__(self, card: Any, index: int) -> None:
        self.card = card
        self.index = index
        self._identity = lib.gaudi_card_identity(card)
        self._physics = lib.gaudi_card_physics(card)
        self._reading = ffi.new("gaudi_reading *")
        self._rows = ffi.new("gaudi_rows *")
        self._processes = ffi.new("gaudi_processes *")
        self._ports = ffi.new("gaudi_ports *")
        self._port_words = memoryview(ffi.buffer(self._ports)).cast("Q")
        self._fixed = self._read_identity()
        self._port_map = self._read_port_map()
        self._port_state: tuple[int, bytes] | None = None
        self._port_tuple: tuple[PortState, ...] = ()
        self._sensors = tuple(
            (text(s.name), SensorGroup(s.group), s.critical_c, s.offset_c, s.gain)
            for s in self._identity.sensor[0 : self._identity.sensor_count]
        )

    def _read_port_map(self) -> tuple[tuple[tuple[int, bool, bool], tuple[int | None, int | None], int], ...]:
        """Of each port: (number, is external, is connected), (peer module, peer port), place of its counters."""
        return tuple(
            (
                (k, port.peer_card == -1, port.peer_card != -2),
                (port.peer_card, port.peer_port) if port.peer_card >= 0 else (None, None),
                k * _WORDS_PER_PORT,
            )
            for k, port in enumerate(self._identity.port[0 : self._identity.port_count])
        )

    def _read_identity(self) -> dict[str, Any]:
        i, p = self._identity, self._physics
        return {
            "index": self.index,
            "minor": i.minor,
            "module_id": i.module_id,
            "board_id": i.board_id,
            "name": text(i.name),
            "family": text(i.family),
            "serial": text(i.serial),
            "uuid": text(i.uuid),
            "model": text(i.model),
            "pcb_version": text(i.pcb_version),
            "pcb_assembly_version": text(i.pcb_assembly_version),
            "hl_revision": i.hl_revision,
            "firmware_fit": text(i.fw_fit),
            "firmware_spi": text(i.fw_spi),
            "firmware_uboot": text(i.fw_uboot),
            "firmware_os": text(i.fw_os),
            "cpld_version": text(i.cpld),
            "numa_node": i.numa_node,
            "cpu_affinity": tuple(
                word * _CPU_BITS + bit
                for word, mask in enumerate(i.cpu_mask)
                for bit in range(_CPU_BITS)
                if mask >> bit & 1
            ),
            "memory_total_bytes": i.memory_total_bytes,
            "memory_reserved_bytes": i.memory_reserved_bytes,
            "power_54v_max_mw": p.limit_max_mw,
            "power_12v_limit_mw": round(p.rail12_limit_w * 1000),
            "power_12v_max_mw": round(p.rail12_limit_w * 1000),
            "clock_soc_max_mhz": i.clock_soc_max_mhz,
            "clock_soc_limit_mhz": i.clock_soc_limit_mhz,
            "clock_tpc_limit_mhz": i.clock_tpc_limit_mhz,
            "performance_state": None if i.lacks >> lib.GAUDI_FEATURE_PERFORMANCE_STATE & 1 else 0,
            "mac_addresses": tuple(
                MacAddress(k + 1, (i.mac_base + k).to_bytes(6, "big").hex(":")) for k in range(i.mac_count)
            ),
        }

    def snapshot(self) -> DeviceSnapshot:
        """Everything of one moment. Raises DeviceLostError, DriverNotLoadedError or BoxError."""
        code = lib.gaudi_card_read(self.card, self._reading)
        if code == 0:
            code = lib.gaudi_card_read_rows(self.card, self._rows)
        if code == 0:
            code = lib.gaudi_card_read_processes(self.card, self._processes)
        if code == 0:
            code = lib.gaudi_card_read_ports(self.card, self._ports)
        if code != 0:
            raise read_error(code, self.index)
        r, total = self._reading, self._identity.memory_total_bytes
        used = r.memory_used_bytes
        sensors = self._read_sensors()
        return DeviceSnapshot(
            **self._fixed,
            pci=self._read_pci(),
            status=STATUS_TEXT[r.status],
            is_operational=r.status == 0 and not r.is_lost,
            is_lost=bool(r.is_lost),
            box_time_ns=r.box_ns,
            memory_used_bytes=used,
            memory_free_bytes=total - used,
            temperature_c=int(max((s.temp_c for s in sensors if s.group is SensorGroup.ON_CHIP), default=0.0)),
            sensors=sensors,
            power_54v_mw=round(r.power_54v_w * 1000),
            power_54v_limit_mw=r.limit_mw,
            power_12v_mw=round(r.power_12v_w * 1000),
            energy_mj=int(r.energy_j * 1000),
            clock_soc_mhz=round(r.clock_soc_mhz),
            utilization_aip_percent=int(r.utilization_percent),
            utilization_memory_percent=used * 100 // total if total else 0,
            throttle_reasons=ThrottleReason(r.flags) & _THROTTLE_MASK,
            violation_power_ns=r.violation_power_ns,
            violation_thermal_ns=r.violation_thermal_ns,
            engine_activity=dict(zip(_ENGINES, r.activity, strict=True)),
            **self._read_ecc(),
            ports=self._read_ports(),
            processes=self._read_processes(),
            reset_count=r.reset_count,
            pcie_rx_kbps=r.pcie_rx_kbps,
            pcie_tx_kbps=r.pcie_tx_kbps,
            pcie_replay_count=r.pcie_replay,
        )

    def _read_sensors(self) -> tuple[Sensor, ...]:
        """As gaudi_sensor_temperature does, for all sensors without a call each."""
        r, ambient = self._reading, self._physics.ambient_c
        board = r.board_c
        groups = (r.die_c, r.hbm_c, r.die_c, board, board, board)
        return tuple(
            Sensor(name, group, ambient + offset + gain * (groups[group] - ambient), critical)
            for name, group, critical, offset, gain in self._sensors
        )

    def _read_pci(self) -> PciInfo:
        i, r = self._identity, self._reading
        link = LinkInfo(i.pcie_generation_max, r.pcie_generation, i.pcie_width_max, r.pcie_width)
        return PciInfo(
            text(i.bus_id),
            i.pci_domain,
            i.pci_bus,
            i.pci_device,
            i.pci_device_id,
            i.pci_subsystem_id,
            i.pci_revision,
            link,
        )

    def _read_ecc(self) -> dict[str, Any]:
        """Counters and rows of HBM that were or will be replaced."""
        pending = self._read_rows(is_pending=True)
        return {
            "ecc_hbm": _ecc(self._rows.hbm_corrected, self._rows.hbm_uncorrected),
            "ecc_sram": _ecc(self._rows.sram_corrected, self._rows.sram_uncorrected),
            "replaced_rows": self._read_rows(is_pending=False),
            "pending_rows": pending,
            "is_row_replacement_pending": bool(pending),
        }

    def _read_rows(self, is_pending: bool) -> tuple[ReplacedRow, ...]:
        return tuple(
            ReplacedRow(
                row.hbm, row.pseudo_channel, row.stack_id, row.bank, row.row, RowReplacementCause(row.cause & 1)
            )
            for row in self._rows.row[0 : self._rows.row_count]
            if bool(row.is_pending) is is_pending
        )

    def _read_ports(self) -> tuple[PortState, ...]:
        """Built anew only when a link or a counter moved: that is most of the price of a snapshot."""
        up = lib.gaudi_card_links_up(self.card)
        state = (up, bytes(self._port_words))
        if state != self._port_state:
            words = self._port_words.tolist()
            self._port_state = state
            self._port_tuple = tuple(
                PortState(*place, bool(up >> port & 1), *peer, tuple(words[start : start + _NAMED_COUNTERS]))
                for port, (place, peer, start) in enumerate(self._port_map)
            )
        return self._port_tuple

    def _read_processes(self) -> tuple[ProcessInfo, ...]:
        """Names of other users' processes are for root and their owner only, as hl-smi shows them."""
        euid = os.geteuid()
        return tuple(
            ProcessInfo(p.pid, text(p.comm), p.uid, p.memory_bytes)
            if euid in (0, p.uid)
            else ProcessInfo(None, None, p.uid, p.memory_bytes)
            for p in self._processes.process[0 : self._processes.count]
        )


def _ecc(corrected: Any, uncorrected: Any) -> EccCounters:
    return EccCounters(corrected[0], corrected[1], uncorrected[0], uncorrected[1])
