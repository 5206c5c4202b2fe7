"""The fields of -Q/--query-aip: name, unit, and where the value comes from; in the order of the vendor's help.

A field that the box does not tell is None and printed as N/A. Used by `argv` (names), `help`, and `query.csv`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hl_smi.query.units import link_speed, memory_mib, memory_percent, watts

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hlml.types import BoxInfo, DeviceSnapshot

__all__ = ["FIELDS", "Field", "Reading", "Value"]

Value = int | str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one CSV row is made of; `timestamp` is the card's moment, already as text."""

    box: BoxInfo
    card: DeviceSnapshot
    timestamp: str


@dataclass(frozen=True, slots=True)
class Field:
    """One column. `is_live`: a measurement, which a lost card does not give."""

    name: str
    unit: str | None
    value: Callable[[Reading], Value]
    is_live: bool = False


def _memory(reading: Reading) -> tuple[int, int, int]:
    return memory_mib(reading.card.memory_total_bytes, reading.card.memory_used_bytes)


def _utilization_memory(reading: Reading) -> int:
    total_mib, used_mib, _ = _memory(reading)
    return memory_percent(used_mib, total_mib)


_IDENTITY = (
    Field("timestamp", None, lambda r: r.timestamp),
    Field("name", None, lambda r: r.card.name),
    Field("bus_id", None, lambda r: r.card.pci.bus_id),
    Field("driver_version", None, lambda r: r.box.driver_version),
    Field("temperature.aip", "C", lambda r: r.card.temperature_c, is_live=True),
    Field("module_id", None, lambda r: r.card.module_id),
    Field("utilization.aip", "%", lambda r: r.card.utilization_aip_percent, is_live=True),
    Field("memory.total", "MiB", lambda r: _memory(r)[0]),
    Field("memory.free", "MiB", lambda r: _memory(r)[2], is_live=True),
    Field("memory.used", "MiB", lambda r: _memory(r)[1], is_live=True),
    Field("index", None, lambda r: r.card.index),
    Field("serial", None, lambda r: r.card.serial),
    Field("uuid", None, lambda r: r.card.uuid),
    Field("power.draw", "W", lambda r: watts(r.card.power_54v_mw), is_live=True),
)

# "dram" is the HBM; the totals add the SRAM.
_ECC = (
    Field(
        "ecc.errors.uncorrected.aggregate.total",
        None,
        lambda r: r.card.ecc_hbm.uncorrected_aggregate + r.card.ecc_sram.uncorrected_aggregate,
        is_live=True,
    ),
    Field(
        "ecc.errors.uncorrected.volatile.total",
        None,
        lambda r: r.card.ecc_hbm.uncorrected_volatile + r.card.ecc_sram.uncorrected_volatile,
        is_live=True,
    ),
    Field(
        "ecc.errors.corrected.aggregate.total",
        None,
        lambda r: r.card.ecc_hbm.corrected_aggregate + r.card.ecc_sram.corrected_aggregate,
        is_live=True,
    ),
    Field(
        "ecc.errors.corrected.volatile.total",
        None,
        lambda r: r.card.ecc_hbm.corrected_volatile + r.card.ecc_sram.corrected_volatile,
        is_live=True,
    ),
    Field("ecc.errors.dram.aggregate.total", None, lambda r: r.card.ecc_hbm.uncorrected_aggregate, is_live=True),
    Field(
        "ecc.errors.dram-corrected.aggregate.total", None, lambda r: r.card.ecc_hbm.corrected_aggregate, is_live=True
    ),
    Field("ecc.errors.dram.volatile.total", None, lambda r: r.card.ecc_hbm.uncorrected_volatile, is_live=True),
    Field("ecc.errors.dram-corrected.volatile.total", None, lambda r: r.card.ecc_hbm.corrected_volatile, is_live=True),
    # Known by name only; what the real tool counts here is not documented.
    Field("ecc.errors.hbm.sram.critical", None, lambda r: None),
    Field("ecc.mode.current", None, lambda r: "Enabled"),
    Field("ecc.mode.pending", None, lambda r: "Enabled"),
)

_REST = (
    # Nanoseconds since the driver was loaded, as HLML counts them.
    Field("stats.violation.power", None, lambda r: r.card.violation_power_ns, is_live=True),
    Field("stats.violation.thermal", None, lambda r: r.card.violation_thermal_ns, is_live=True),
    Field("clocks.current.soc", "MHz", lambda r: r.card.clock_soc_mhz, is_live=True),
    Field("clocks.max.soc", "MHz", lambda r: r.card.clock_soc_max_mhz),
    Field("clocks.limit.soc", "MHz", lambda r: r.card.clock_soc_limit_mhz),
    Field("clocks.limit.tpc", "MHz", lambda r: r.card.clock_tpc_limit_mhz),
    Field("pcie.link.gen.max", None, lambda r: f"Gen{r.card.pci.link.generation_max}"),
    Field("pcie.link.gen.current", None, lambda r: f"Gen{r.card.pci.link.generation_current}", is_live=True),
    Field("pcie.link.width.max", None, lambda r: f"x{r.card.pci.link.width_max}"),
    Field("pcie.link.width.current", None, lambda r: f"x{r.card.pci.link.width_current}", is_live=True),
    Field("pcie.link.speed.max", None, lambda r: link_speed(r.card.pci.link.generation_max)),
    Field("pcie.link.speed.current", None, lambda r: link_speed(r.card.pci.link.generation_current), is_live=True),
    Field("power.max", "W", lambda r: watts(r.card.power_54v_max_mw)),
    Field("utilization.memory", "%", _utilization_memory, is_live=True),
    Field("nic_driver_version", None, lambda r: r.box.nic_driver_version),
)

FIELDS = {field.name: field for field in _IDENTITY + _ECC + _REST}
