"""Values that HLML reports: enums and frozen dataclasses, no behaviour.

Units are part of the names: `_c` degrees Celsius, `_mw` milliwatts, `_mj` millijoules, `_mhz` megahertz,
`_ns` nanoseconds, `_bytes` bytes. A value that a card does not have is None; only a renderer turns it
into "N/A". Called by every room that looks at a card; nothing here touches a card.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = [
    "PORT_COUNTER_NAMES",
    "BoxInfo",
    "DeviceSnapshot",
    "EccCounters",
    "LinkInfo",
    "MacAddress",
    "PciInfo",
    "PortState",
    "ProcessInfo",
    "ReplacedRow",
    "RowReplacementCause",
    "Sensor",
    "SensorGroup",
    "ThrottleReason",
]


class SensorGroup(enum.IntEnum):
    """Which part of the card a temperature sensor sits on."""

    ON_CHIP = 0
    HBM = 1
    ON_CHIP_TD = 2
    ON_BOARD = 3
    CPLD = 4
    VRM = 5


class ThrottleReason(enum.IntFlag):
    """Bits of hlml_device_get_current_clocks_throttle_reasons."""

    NONE = 0
    POWER = 1
    THERMAL = 2


class RowReplacementCause(enum.IntEnum):
    """Why an HBM row was replaced, in HLML's order (the driver's uapi has the opposite one)."""

    MULTIPLE_SINGLE_BIT_ECC_ERRORS = 0
    DOUBLE_BIT_ECC_ERROR = 1


@dataclass(frozen=True, slots=True)
class LinkInfo:
    """PCIe link: generations (1..5) and lane counts."""

    generation_max: int
    generation_current: int
    width_max: int
    width_current: int


@dataclass(frozen=True, slots=True)
class PciInfo:
    """Where the card sits on the bus. `device_id` and `subsystem_id` are vendor << 16 | device."""

    bus_id: str
    domain: int
    bus: int
    device: int
    device_id: int
    subsystem_id: int
    revision: int
    link: LinkInfo


@dataclass(frozen=True, slots=True)
class MacAddress:
    """One MAC address; `id` counts from 1 as hl-smi prints it."""

    id: int
    address: str


@dataclass(frozen=True, slots=True)
class Sensor:
    """One temperature sensor; `name` is the vendor's label, for example "On Chip 0"."""

    name: str
    group: SensorGroup
    temp_c: float
    critical_c: float


# Names of the counters of a port, in the order of hlml_nic_get_statistics; csrc/ports.c says where they come from.
PORT_COUNTER_NAMES = (
    "pcs_local_faults",
    "pcs_remote_faults",
    "pcs_remote_fault_reconfig",
    "pcs_link_restores",
    "pcs_link_toggles",
    "cw_corrected_accum",
    "cw_uncorrect_accum",
    "symbol_err_corrected_lane_0",
    "symbol_err_corrected_lane_1",
    "pre_FEC_SER_int",
    "pre_FEC_SER_exp (negative)",
    "post_FEC_SER_int",
    "post_FEC_SER_exp (negative)",
    "bandwidth_gbps_int",
    "bandwidth_gbps_frac",
    "last_data_latency_usec_int",
    "last_data_latency_usec_frac",
    "etherStatsOctets",
    "OctetsReceivedOK",
    "aFrameCheckSequenceErrors",
    "aFramesReceivedOK",
    "ifInErrors",
    "ifInUcastPkts",
    "etherStatsDropEvents",
    "etherStatsPkts",
    "etherStatsPkts64Octets",
    "etherStatsPkts65to127Octets",
    "etherStatsPkts128to255Octets",
    "etherStatsPkts256to511Octets",
    "etherStatsPkts512to1023Octets",
    "etherStatsPkts1024to1518Octets",
    "etherStatsPkts1519toMaxOctets",
    "OctetsTransmittedOK",
    "aFramesTransmittedOK",
    "ifOutErrors",
    "ifOutUcastPkts",
    "spmu_req_out_of_range_psn",
    "spmu_res_duplicate_psn",
    "spmu_res_out_of_sequence_psn",
    "retransmissions",
    "timeout_retransmission_cnt",
)


@dataclass(frozen=True, slots=True)
class PortState:
    """One NIC port. `is_connected` is False for a port that the board leaves open.

    `peer_module` and `peer_port` say where an internal port leads; None for an external or an open one.
    `counters` has a value for each of PORT_COUNTER_NAMES.
    """

    port: int
    is_external: bool
    is_connected: bool
    is_up: bool
    peer_module: int | None = None
    peer_port: int | None = None
    counters: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """A process that holds the card. `pid` and `comm` are None where the caller may not see them."""

    pid: int | None
    comm: str | None
    uid: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class ReplacedRow:
    """One replaced HBM row, in the address form of hlml_row_address_t."""

    hbm: int
    pseudo_channel: int
    stack_id: int
    bank: int
    row: int
    cause: RowReplacementCause


@dataclass(frozen=True, slots=True)
class EccCounters:
    """ECC events of one kind of memory: since reset (volatile) and since driver load (aggregate)."""

    corrected_volatile: int
    corrected_aggregate: int
    uncorrected_volatile: int
    uncorrected_aggregate: int


@dataclass(frozen=True, slots=True)
class DeviceSnapshot:
    """Everything that one card shows at one moment of box time; all values belong together.

    Power: two rails. The table of hl-smi adds both, its CSV shows the 54 V rail only.
    `memory_free_bytes + memory_used_bytes == memory_total_bytes` always holds.
    `replaced_rows` are in force, `pending_rows` wait for the next reset. `cpu_affinity` are the numbers of the
    processors near the card. PCIe throughput is that of the last launch, in kilobytes a second.
    """

    index: int
    minor: int
    module_id: int
    board_id: int
    name: str
    family: str
    serial: str
    uuid: str
    model: str
    pcb_version: str
    pcb_assembly_version: str
    hl_revision: int
    status: str
    is_operational: bool
    is_lost: bool
    firmware_fit: str
    firmware_spi: str
    firmware_uboot: str
    firmware_os: str
    cpld_version: str
    pci: PciInfo
    numa_node: int
    box_time_ns: int
    memory_total_bytes: int
    memory_used_bytes: int
    memory_free_bytes: int
    memory_reserved_bytes: int
    temperature_c: int
    sensors: tuple[Sensor, ...]
    power_54v_mw: int
    power_54v_limit_mw: int
    power_54v_max_mw: int
    power_12v_mw: int
    power_12v_limit_mw: int
    power_12v_max_mw: int
    energy_mj: int
    clock_soc_mhz: int
    clock_soc_max_mhz: int
    clock_soc_limit_mhz: int
    clock_tpc_limit_mhz: int
    performance_state: int | None
    utilization_aip_percent: int
    utilization_memory_percent: int
    throttle_reasons: ThrottleReason
    violation_power_ns: int
    violation_thermal_ns: int
    engine_activity: dict[str, float]
    ecc_hbm: EccCounters
    ecc_sram: EccCounters
    replaced_rows: tuple[ReplacedRow, ...]
    is_row_replacement_pending: bool
    mac_addresses: tuple[MacAddress, ...]
    ports: tuple[PortState, ...]
    processes: tuple[ProcessInfo, ...]
    reset_count: int
    cpu_affinity: tuple[int, ...] = ()
    pending_rows: tuple[ReplacedRow, ...] = ()
    pcie_rx_kbps: int = 0
    pcie_tx_kbps: int = 0
    pcie_replay_count: int = 0


@dataclass(frozen=True, slots=True)
class BoxInfo:
    """The emulated server: what its driver and tools call themselves, and its clock.

    `clock_rate` is box seconds a wall second; 0 means frozen.
    """

    name: str
    path: str
    box_type: str
    release: str
    hlml_version: str
    driver_version: str
    nic_driver_version: str
    device_count: int
    clock_rate: float
    is_driver_loaded: bool
