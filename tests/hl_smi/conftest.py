"""Values and published samples for the tests of hl_smi. Nothing here needs a box: renderers and queries are pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hlml.types import (
    PORT_COUNTER_NAMES,
    BoxInfo,
    DeviceSnapshot,
    EccCounters,
    LinkInfo,
    MacAddress,
    PciInfo,
    PortState,
    Sensor,
    SensorGroup,
    ThrottleReason,
)

GOLDEN = Path(__file__).parent / "golden"
MIB = 1024 * 1024
FW = "hl-gaudi2-1.12.1-fw-46.0.5-sec-6"


@dataclass(frozen=True)
class Sample:
    """One published output: the line that introduces it, without the #, and the text below."""

    title: str
    text: str

    @property
    def words(self) -> list[str]:
        """Words of the title."""
        return self.title.split()


def read_samples(name: str) -> list[Sample]:
    """The samples of golden/<name>; each begins with a line `# ...`."""
    parts = (GOLDEN / name).read_text().split("# ")[1:]
    return [Sample(*part.split("\n", 1)) for part in parts]


@pytest.fixture(scope="session")
def samples() -> Callable[[str], list[Sample]]:
    """Reader of the golden files, by name."""
    return read_samples


@pytest.fixture(scope="session")
def make_snapshot() -> Callable[..., DeviceSnapshot]:
    """A card as in the published 1.12.1 report; keyword arguments replace fields."""

    def make(**changes: Any) -> DeviceSnapshot:
        return dataclasses.replace(_CARD, **changes)

    return make


@pytest.fixture(scope="session")
def make_box() -> Callable[..., BoxInfo]:
    """A box of release 1.24; keyword arguments replace fields."""

    def make(**changes: Any) -> BoxInfo:
        return dataclasses.replace(_BOX, **changes)

    return make


_NO_ERRORS = EccCounters(0, 0, 0, 0)
_TEMPERATURES = (29, 29, 30, 30, 29, 32, 30, 29, 29, 29, 29, 30, 29, 29, 30, 30, 31, 30, 31, 33, 34, 39)
_SENSORS = (
    *(f"On Chip {n}" for n in range(4)),
    *(f"HBM {n} Temp" for n in range(6)),
    *(f"On Chip TD {n}" for n in range(4)),
    "On Board 2 Top",
    "On Board 01 Top",
    "On Board 01 Bot",
    "On Board 23 Top",
    "On Board 23 Bot",
    "CPLD Temp",
    "VRM1 Temp",
    "VRM2 Temp",
)
_FIRST_MAC = 0xB0FD0BD7C48D

_EXTERNAL_PORTS = (8, 22, 23)
_INTERNAL_PORTS = tuple(port for port in range(24) if port not in _EXTERNAL_PORTS)
# Module 0 of an HLS-2 in a simple order: three links to each of the other seven.
_NO_TRAFFIC = (0,) * len(PORT_COUNTER_NAMES)
_TRAFFIC = tuple(range(2, len(PORT_COUNTER_NAMES) + 1))
_PORTS = tuple(
    PortState(port, True, True, True, None, None, _NO_TRAFFIC)
    if port in _EXTERNAL_PORTS
    else PortState(
        port,
        False,
        True,
        True,
        1 + _INTERNAL_PORTS.index(port) // 3,
        port,
        (port, *_TRAFFIC),
    )
    for port in range(24)
)

_CARD = DeviceSnapshot(
    index=0,
    minor=0,
    module_id=0,
    board_id=0,
    name="HL-225",
    family="gaudi2",
    serial="AM50016138",
    uuid="01P0-HL2080A0-15-TF8A81-09-07-06",
    model="F08GL0AIG032A",
    pcb_version="R0F",
    pcb_assembly_version="V2A",
    hl_revision=1,
    status="Operational",
    is_operational=True,
    is_lost=False,
    firmware_fit=f"Linux gaudi2 5.10.18-{FW} #1 SMP PREEMPT Thu Oct 12 22:23:07 IDT 2023 aarch64 GNU/Linux",
    firmware_spi=f"Preboot version {FW} (Oct 12 2023 - 22:14:34)",
    firmware_uboot=f"U-Boot 2021.04-{FW} (Oct 12 2023 - 22:22:29 +0300) build#: 10814",
    firmware_os=f"Zephyr 2.7.2-{FW} (Oct 12 2023 - 22:14:47)",
    cpld_version="0x0000000d",
    pci=PciInfo("0000:43:00.0", 0, 0x43, 0, 0x1DA31020, 0x1DA31020, 1, LinkInfo(4, 4, 16, 16)),
    numa_node=0,
    box_time_ns=1_700_110_464_000_000_000,
    memory_total_bytes=98304 * MIB,
    memory_used_bytes=768 * MIB,
    memory_free_bytes=(98304 - 768) * MIB,
    memory_reserved_bytes=768 * MIB,
    temperature_c=30,
    sensors=tuple(
        Sensor(name, SensorGroup.ON_CHIP, temp + 0.9, 93.0) for name, temp in zip(_SENSORS, _TEMPERATURES, strict=True)
    ),
    power_54v_mw=50_400,
    power_54v_limit_mw=550_000,
    power_54v_max_mw=550_000,
    power_12v_mw=30_500,
    power_12v_limit_mw=50_000,
    power_12v_max_mw=50_000,
    energy_mj=0,
    clock_soc_mhz=1650,
    clock_soc_max_mhz=1650,
    clock_soc_limit_mhz=1650,
    clock_tpc_limit_mhz=1800,
    performance_state=0,
    utilization_aip_percent=0,
    utilization_memory_percent=0,
    throttle_reasons=ThrottleReason.NONE,
    violation_power_ns=0,
    violation_thermal_ns=0,
    engine_activity={},
    ecc_hbm=_NO_ERRORS,
    ecc_sram=_NO_ERRORS,
    replaced_rows=(),
    is_row_replacement_pending=False,
    mac_addresses=tuple(MacAddress(n + 1, (_FIRST_MAC + n).to_bytes(6, "big").hex(":")) for n in range(48)),
    ports=_PORTS,
    processes=(),
    reset_count=0,
    cpu_affinity=(*range(40), *range(80, 120)),
)

_BOX = BoxInfo(
    name="default",
    path="/dev/shm/gaudi-0/default",
    box_type="HLS2",
    release="1.24",
    hlml_version="hl-1.24.1-fw-62.6.2.0 (Jan 20 2026 - 10:00:00)",
    driver_version="1.24.1-b336d5e",
    nic_driver_version="1.24.1-1234567",
    device_count=8,
    clock_rate=1.0,
    is_driver_loaded=True,
)
