"""Lines of the -q and -L report ("HL-SMI LOG"), by section. Called by `pages`; drawn by `render.report`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hl_smi.query.units import celsius, link_speed, memory_mib, watts
from hlml.types import RowReplacementCause, ThrottleReason

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hlml.types import BoxInfo, DeviceSnapshot

__all__ = ["DeviceReport", "Line", "Report", "query_report"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line at a depth of TABs. `is_heading`: the key alone; else key and value, None for a missing one.

    An empty key is the vendor's continuation line: the value belongs to the heading above.
    """

    depth: int
    key: str
    value: str | None = None
    is_heading: bool = False


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """One card: the line that names it, and what is told about it."""

    index: int
    minor: int
    bus_id: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The whole report. `attached_count` counts all visible cards, also when -i shows one."""

    timestamp: str
    driver_version: str
    tool_version: str
    attached_count: int
    devices: tuple[DeviceReport, ...]


def query_report(
    box: BoxInfo, snapshots: Sequence[DeviceSnapshot], attached_count: int, timestamp: str, section: str | None
) -> Report:
    """The report of `snapshots`; `section` is a -d type, None for everything."""
    return Report(
        timestamp=timestamp,
        driver_version=box.driver_version,
        tool_version=box.hlml_version,
        attached_count=attached_count,
        devices=tuple(_device_report(snapshot, section) for snapshot in snapshots),
    )


def _device_report(card: DeviceSnapshot, section: str | None) -> DeviceReport:
    lines = tuple(line for name, lines_of in _SECTIONS if section in (None, name) for line in lines_of(card))
    return DeviceReport(card.index, card.minor, card.pci.bus_id, lines)


def _live(card: DeviceSnapshot, value: str) -> str | None:
    return None if card.is_lost else value


def _heading(depth: int, text: str) -> Line:
    return Line(depth, text, is_heading=True)


def _product(card: DeviceSnapshot) -> tuple[Line, ...]:
    # CPLD Version stays the 15th line: scripts find the card's line with grep -B 15.
    return (
        Line(1, "Product Name", card.name),
        Line(1, "Model Number", card.model),
        Line(1, "Serial Number", card.serial),
        Line(1, "Module status", "Operational" if card.is_operational else card.status),
        Line(1, "Module ID", str(card.module_id)),
        Line(1, "PCB Assembly Version", card.pcb_assembly_version),
        Line(1, "PCB Version", card.pcb_version),
        Line(1, "HL Revision", str(card.hl_revision)),
        Line(1, "AIP UUID", card.uuid),
        # The kind of part, not its health; every published card is a production part.
        Line(1, "AIP Status", "Production Level"),
        Line(1, "Firmware [FIT] Version", card.firmware_fit),
        Line(1, "Firmware [SPI] Version", card.firmware_spi),
        Line(1, "Firmware [UBOOT] Version", card.firmware_uboot),
        Line(1, "Firmware [OS] Version", card.firmware_os),
        Line(1, "CPLD Version", card.cpld_version),
    )


def _bus(card: DeviceSnapshot) -> tuple[Line, ...]:
    pci = card.pci
    return (
        _heading(1, "PCI"),
        Line(2, "Bus", f"0x{pci.bus:02x}"),
        Line(2, "Device", f"0x{pci.device:02x}"),
        Line(2, "Domain", f"0x{pci.domain:04x}"),
        Line(2, "Rev", f"{pci.revision:02x}"),
        Line(2, "Device Id", f"0x{pci.device_id:08x}"),
        Line(2, "Bus Id", pci.bus_id),
        Line(2, "Sub System Id", f"0x{pci.subsystem_id:08x}"),
        _heading(2, "AIP Link Info"),
        _heading(3, "Link Speed"),
        Line(4, "Max", link_speed(pci.link.generation_max)),
        Line(4, "Current", None if card.is_lost else link_speed(pci.link.generation_current)),
        _heading(3, "Link Width"),
        Line(4, "Max", f"x{pci.link.width_max}"),
        Line(4, "Current", _live(card, f"x{pci.link.width_current}")),
    )


def _fan(card: DeviceSnapshot) -> tuple[Line, ...]:
    return (_heading(1, "Fan Speed"), Line(5, "", None))


def _throttling(card: DeviceSnapshot) -> tuple[Line, ...]:
    def active(reasons: ThrottleReason) -> str | None:
        return _live(card, "Active" if card.throttle_reasons & reasons else "Not Active")

    return (
        _heading(1, "Clocks Throttle Reasons"),
        Line(2, "HW Slowdown", active(ThrottleReason.POWER | ThrottleReason.THERMAL)),
        _heading(3, "Thermal Slowdown"),
        Line(5, "", active(ThrottleReason.THERMAL)),
        _heading(3, "Power Slowdown"),
        Line(5, "", active(ThrottleReason.POWER)),
    )


def _memory(card: DeviceSnapshot) -> tuple[Line, ...]:
    total_mib, used_mib, free_mib = memory_mib(card.memory_total_bytes, card.memory_used_bytes)
    # The vendor writes MB and means MiB.
    return (
        Line(1, "Memory Type", "HBM"),
        _heading(1, "Memory Usage"),
        Line(2, "Total", f"{total_mib} MB"),
        Line(2, "Used", _live(card, f"{used_mib} MB")),
        Line(2, "Free", _live(card, f"{free_mib} MB")),
    )


def _temperature(card: DeviceSnapshot) -> tuple[Line, ...]:
    sensors = tuple(
        Line(2, f"[{number:2d}] {sensor.name}", _live(card, f"{celsius(sensor.temp_c):3d} C"))
        for number, sensor in enumerate(card.sensors, start=1)
    )
    return (_heading(1, "Temperature"), *sensors)


def _power(card: DeviceSnapshot) -> tuple[Line, ...]:
    return (
        _heading(1, "Power Readings (54V PSU)"),
        Line(2, "Power Management", "auto"),
        Line(2, "Power Draw", _live(card, f"{watts(card.power_54v_mw)} W")),
        Line(2, "Power Max", f"{watts(card.power_54v_max_mw)} W"),
        Line(2, "Power Limit", f"{watts(card.power_54v_limit_mw)} W"),
        _heading(1, "Power Readings (12V PSU)"),
        Line(2, "Power Management", None),
        Line(2, "Power Draw", _live(card, f"{watts(card.power_12v_mw)} W")),
        Line(2, "Power Max", f"{watts(card.power_12v_max_mw)} W"),
        Line(2, "Power Limit", f"{watts(card.power_12v_limit_mw)} W"),
    )


def _clocks(card: DeviceSnapshot) -> tuple[Line, ...]:
    return (
        _heading(1, "Clocks"),
        Line(2, "[1] soc", _live(card, f"{card.clock_soc_mhz} MHz")),
        _heading(1, "Clocks Max"),
        Line(2, "[1] soc", f"{card.clock_soc_max_mhz} MHz"),
        _heading(1, "Clocks Limit"),
        Line(2, "[1] soc", f"{card.clock_soc_limit_mhz} MHz"),
        Line(2, "[2] tpc", f"{card.clock_tpc_limit_mhz} MHz"),
    )


def _network(card: DeviceSnapshot) -> tuple[Line, ...]:
    addresses = tuple(Line(2, f"[{mac.id:2d}] MAC", mac.address) for mac in card.mac_addresses)
    return (_heading(1, "Network Information"), *addresses)


def _rows(card: DeviceSnapshot) -> tuple[Line, ...]:
    causes = [row.cause for row in card.replaced_rows]
    return (
        _heading(1, "Replaced Rows"),
        Line(2, "Single Bit ECC", str(causes.count(RowReplacementCause.MULTIPLE_SINGLE_BIT_ECC_ERRORS))),
        Line(2, "Double Bit ECC", str(causes.count(RowReplacementCause.DOUBLE_BIT_ECC_ERROR))),
        Line(2, "Pending", "Yes" if card.is_row_replacement_pending else "No"),
    )


# In the order of the report; CLOCK names two places of it.
_SECTIONS: tuple[tuple[str, Callable[[DeviceSnapshot], tuple[Line, ...]]], ...] = (
    ("PRODUCT", _product),
    ("BUS", _bus),
    ("FAN", _fan),
    ("CLOCK", _throttling),
    ("MEMORY", _memory),
    ("TEMPERATURE", _temperature),
    ("POWER", _power),
    ("CLOCK", _clocks),
    ("NET", _network),
    ("ROW_REPLACEMENT", _rows),
)
