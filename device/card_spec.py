"""Facts of a card: a board that carries an ASIC. Read from specs/<card>.toml, each fact with its source.

The ASIC's own facts (engines, memories, clocks of the cost model) are in spec.py. Called by box.py, which turns a card
into the identity and the physics of its file. Every number has a range, so that whatever passes here fits there.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from dataclasses import dataclass
from pathlib import Path

from device.errors import SpecError
from device.facts import FactFile, may_be_zero

__all__ = [
    "FEATURES",
    "SENSOR_GROUPS",
    "CardInfo",
    "CardSpec",
    "ControlSpec",
    "PowerSpec",
    "SensorSpec",
    "SpreadSpec",
    "ThermalSpec",
    "load_card_spec",
    "read_card_spec",
]

_SPECS = Path(__file__).parent / "specs"

# In the order of enum gaudi_feature and enum gaudi_sensor_group of csrc/card_records.h.
FEATURES = ("persistence_mode", "performance_state", "pcie_link")
SENSOR_GROUPS = ("on_chip", "hbm", "on_chip_td", "on_board", "cpld", "vrm")

# What a number may be: that of its own key, else that of its table. The card state and the controller can take these.
_RANGES: dict[str, tuple[float, float]] = {
    "card": (0, 100_000),
    "card.hl_revision": (0, 255),
    "card.mac_count": (1, 64),
    "card.memory_total_bytes": (1 << 20, 1 << 46),
    "card.memory_reserved_bytes": (1, 1 << 46),
    "card.pci_vendor_id": (1, 0xFFFF),
    "card.pci_device_id": (1, 0xFFFF),
    "card.pci_revision": (1, 0xFF),
    "card.pcie_generation": (1, 5),
    "card.pcie_width": (1, 32),
    "control": (0, 1),
    "control.hysteresis_k": (0, 20),
    "control.lease_ms": (100, 60_000),
    "control.period_ms": (10, 10_000),
    "control.reset_s": (0, 600),
    "power": (0, 10_000),
    "power.leakage_reference_c": (0, 150),
    "power.leakage_w_per_k": (0, 20),
    "power.rail12_share": (0, 1),
    "power.tau_s": (0.01, 1000),
    "sensor.critical_c": (1, 200),
    "sensor.gain": (0, 5),
    "sensor.offset_c": (0, 50),
    "spread": (0, 0.5),
    "spread.ambient_k": (0, 20),
    "thermal": (0.001, 10),
    "thermal.reported_threshold_c": (1, 200),
    "thermal.shutdown_c": (1, 200),
    "thermal.slowdown_c": (1, 200),
    "thermal.tau_board_s": (0.01, 10_000),
    "thermal.tau_die_s": (0.01, 10_000),
    "thermal.tau_hbm_s": (0.01, 10_000),
}
_SMALLEST_SHARE = 0.0001  # of the clock, for what the controller divides by


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
    utilization_dc_w: float
    limit_default_w: float
    limit_min_w: float
    limit_max_w: float
    tau_s: float
    rail12_idle_w: float = may_be_zero()
    rail12_share: float = may_be_zero()
    rail12_limit_w: float = may_be_zero()


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
    reset_s: float


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
    """`file` is where it was read, for messages."""

    file: Path
    card: CardInfo
    power: PowerSpec
    thermal: ThermalSpec
    control: ControlSpec
    spread: SpreadSpec
    sensors: tuple[SensorSpec, ...]
    not_supported: tuple[str, ...]

    def error(self, key: str, reason: str) -> SpecError:
        return SpecError(f"{self.file}: {key}: {reason}")


@functools.cache
def load_card_spec(name: str) -> CardSpec:
    """A built-in card by name, for example "hl225"; a name that ends in .toml is the path of a file."""
    return read_card_spec(Path(name) if name.endswith(".toml") else _SPECS / f"{name}.toml")


def read_card_spec(path: Path) -> CardSpec:
    """Facts from any file of that form; SpecError names file, key and reason."""
    try:
        file = FactFile(path)
        spec = CardSpec(
            file=path,
            card=file.section(CardInfo, "card"),
            power=file.section(PowerSpec, "power"),
            thermal=file.section(ThermalSpec, "thermal"),
            control=file.section(ControlSpec, "control"),
            spread=file.section(SpreadSpec, "spread"),
            sensors=file.rows(SensorSpec, "sensor.list", "name"),
            not_supported=tuple(file.section(SupportSpec, "support").not_supported.split()),
        )
    except (ValueError, OverflowError, RecursionError) as error:  # numbers and nesting beyond what TOML readers take
        raise SpecError(f"{path}: not a usable file: {error}") from error
    _check_texts(spec)
    _check_ranges(spec)
    _check_sensors(spec)
    _check_physics(spec)
    return spec


def _check_texts(spec: CardSpec) -> None:
    card = spec.card
    for field in dataclasses.fields(card):
        value = getattr(card, field.name)
        if isinstance(value, str) and not (value.isascii() and value.isprintable()):
            raise spec.error(f"card.{field.name}", "has to be a text of printable ASCII characters")
    asics = sorted(path.stem for path in _SPECS.glob("gaudi*.toml"))
    if card.asic not in asics:
        raise spec.error("card.asic", f"{card.asic!r} is none of {', '.join(asics)}")
    if not re.fullmatch(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){2}", card.mac_prefix):
        raise spec.error("card.mac_prefix", f"{card.mac_prefix!r} is no prefix such as b0:fd:0b")
    for name in spec.not_supported:
        if name not in FEATURES:
            raise spec.error("support.not_supported", f"{name!r} is none of {', '.join(FEATURES)}")


def _check_ranges(spec: CardSpec) -> None:
    for table in ("card", "power", "thermal", "control", "spread"):
        facts = getattr(spec, table)
        for field in dataclasses.fields(facts):
            value = getattr(facts, field.name)
            if not isinstance(value, str):
                _check_range(spec, f"{table}.{field.name}", value, _RANGES.get(f"{table}.{field.name}", _RANGES[table]))
    for name in ("step", "grain", "floor"):
        _check_range(spec, f"control.{name}", getattr(spec.control, name), (_SMALLEST_SHARE, 1))
    if spec.card.memory_reserved_bytes >= spec.card.memory_total_bytes:
        raise spec.error("card.memory_reserved_bytes", "has to be below memory_total_bytes")


def _check_range(spec: CardSpec, key: str, value: float, bounds: tuple[float, float]) -> None:
    low, high = bounds
    if not low <= value <= high:
        raise spec.error(key, f"has to be from {low:g} to {high:g}, not {value:g}")


def _check_sensors(spec: CardSpec) -> None:
    for index, sensor in enumerate(spec.sensors):
        key = f"sensor.list[{index}]"
        if sensor.group not in SENSOR_GROUPS:
            raise spec.error(f"{key}.group", f"{sensor.group!r} is none of {', '.join(SENSOR_GROUPS)}")
        if not (sensor.name.isascii() and sensor.name.isprintable()):
            raise spec.error(f"{key}.name", "has to be a text of printable ASCII characters")
        for name in ("critical_c", "offset_c", "gain"):
            _check_range(spec, f"{key}.{name}", getattr(sensor, name), _RANGES[f"sensor.{name}"])


def _check_physics(spec: CardSpec) -> None:
    """What the physics needs: the die must come to rest, and the controller must have room to work."""
    power = spec.power
    feedback = power.leakage_w_per_k * spec.thermal.r_die_k_per_w
    if feedback >= 0.5:
        raise spec.error(
            "power.leakage_w_per_k",
            f"times thermal.r_die_k_per_w is {feedback:g}; a card runs away from 1 on, and up to 0.5 is allowed",
        )
    if spec.thermal.shutdown_c <= spec.thermal.slowdown_c:
        raise spec.error("thermal.shutdown_c", "has to be above slowdown_c")
    if power.limit_min_w <= power.utilization_dc_w:
        raise spec.error("power.limit_min_w", "has to be above utilization_dc_w")
    if not power.limit_min_w <= power.limit_default_w <= power.limit_max_w:
        raise spec.error("power.limit_default_w", "has to lie between limit_min_w and limit_max_w")
