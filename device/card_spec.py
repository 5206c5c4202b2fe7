"""Facts of a card: a board that carries an ASIC. Read from specs/<card>.toml, each fact with its source.

The ASIC's own facts (engines, memories, clocks of the cost model) are in spec.py. Called by box.py, which turns a card
into the identity and the physics of its file.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from device.errors import SpecError
from device.facts import FactFile

__all__ = [
    "CardInfo",
    "CardSpec",
    "ControlSpec",
    "PowerSpec",
    "SensorSpec",
    "SpreadSpec",
    "ThermalSpec",
    "load_card_spec",
]

_SPECS = Path(__file__).parent / "specs"

# In the order of enum gaudi_feature and enum gaudi_sensor_group of csrc/card_layout.h.
FEATURES = ("persistence_mode", "performance_state", "pcie_link")
SENSOR_GROUPS = ("on_chip", "hbm", "on_chip_td", "on_board", "cpld", "vrm")


@dataclass(frozen=True, slots=True)
class CardInfo:
    """What the card calls itself and has: texts, bus identity, memory, clocks."""

    asic: str
    name: str
    hwmon_name: str
    model: str
    pcb_version: str
    pcb_assembly_version: str
    hl_revision: int
    serial_prefix: str
    uuid_prefix: str
    mac_prefix: str
    mac_count: int
    cpld: str
    pci_vendor_id: int
    pci_device_id: int
    pci_revision: int
    pcie_generation: int
    pcie_width: int
    memory_total_bytes: int
    memory_reserved_bytes: int
    clock_soc_max_mhz: int
    clock_soc_limit_mhz: int
    clock_tpc_limit_mhz: int
    clock_hbm_mhz: int


@dataclass(frozen=True, slots=True)
class PowerSpec:
    """Watts on the 54 V rail unless the name says 12; csrc/trajectory.h has the formula."""

    idle_w: float
    leakage_w_per_k: float
    leakage_reference_c: float
    mme_w: float
    tpc_w: float
    dma_w: float
    hbm_w: float
    nic_w: float
    pcie_w: float
    rail12_idle_w: float
    rail12_share: float
    rail12_limit_w: float
    utilization_dc_w: float
    limit_default_w: float
    limit_min_w: float
    limit_max_w: float
    tau_s: float


@dataclass(frozen=True, slots=True)
class ThermalSpec:
    """Time constants, resistances to the air at normal airflow, and thresholds."""

    tau_die_s: float
    tau_hbm_s: float
    tau_board_s: float
    r_die_k_per_w: float
    r_hbm_k_per_w: float
    r_hbm_own_k_per_w: float
    r_board_k_per_w: float
    slowdown_c: float
    shutdown_c: float
    reported_threshold_c: int


@dataclass(frozen=True, slots=True)
class ControlSpec:
    """The clock controller: how often it looks and how far it goes."""

    period_ms: int
    lease_ms: int
    step: float
    grain: float
    floor: float
    hysteresis_k: float
    hysteresis_share: float


@dataclass(frozen=True, slots=True)
class SpreadSpec:
    """Half the width of the even spread between cards, as a share (ambient in kelvin)."""

    idle: float
    engine: float
    leakage: float
    resistance: float
    ambient_k: float


@dataclass(frozen=True, slots=True)
class SensorSpec:
    """One temperature sensor: ambient + offset_c + gain * (temperature of its group - ambient)."""

    name: str
    group: str
    critical_c: float
    offset_c: float
    gain: float


@dataclass(frozen=True, slots=True)
class SupportSpec:
    """Features of HLML that the card lacks, separated by blanks."""

    not_supported: str


@dataclass(frozen=True, eq=False)
class CardSpec:
    card: CardInfo
    power: PowerSpec
    thermal: ThermalSpec
    control: ControlSpec
    spread: SpreadSpec
    sensors: tuple[SensorSpec, ...]
    not_supported: tuple[str, ...]


@functools.cache
def load_card_spec(name: str) -> CardSpec:
    """A built-in card by name, for example "hl225"."""
    return read_card_spec(_SPECS / f"{name}.toml")


def read_card_spec(path: Path) -> CardSpec:
    """Facts from any file of that form; SpecError names file, key and reason."""
    file = FactFile(path)
    spec = CardSpec(
        card=file.section(CardInfo, "card"),
        power=file.section(PowerSpec, "power"),
        thermal=file.section(ThermalSpec, "thermal"),
        control=file.section(ControlSpec, "control"),
        spread=file.section(SpreadSpec, "spread"),
        sensors=file.rows(SensorSpec, "sensor.list", "name"),
        not_supported=tuple(file.section(SupportSpec, "support").not_supported.split()),
    )
    _check(path, spec)
    return spec


def _check(path: Path, spec: CardSpec) -> None:
    """What the physics needs: the die must come to rest, and the controller must have room to work."""
    feedback = spec.power.leakage_w_per_k * spec.thermal.r_die_k_per_w
    if feedback >= 0.5:
        raise SpecError(
            f"{path}: power.leakage_w_per_k: times thermal.r_die_k_per_w is {feedback:g}; "
            "a card runs away from 1 on, and up to 0.5 is allowed"
        )
    if spec.thermal.shutdown_c <= spec.thermal.slowdown_c:
        raise SpecError(f"{path}: thermal.shutdown_c: has to be above slowdown_c")
    if spec.power.limit_default_w <= spec.power.utilization_dc_w:
        raise SpecError(f"{path}: power.limit_default_w: has to be above utilization_dc_w")
    unknown = [name for name in spec.not_supported if name not in FEATURES]
    if unknown:
        raise SpecError(f"{path}: support.not_supported: {unknown[0]!r} is none of {', '.join(FEATURES)}")
    for sensor in spec.sensors:
        if sensor.group not in SENSOR_GROUPS:
            raise SpecError(
                f"{path}: sensor {sensor.name!r}: group {sensor.group!r} is none of {', '.join(SENSOR_GROUPS)}"
            )
