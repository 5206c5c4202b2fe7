"""Facts of an ASIC, as far as computing, moving and storing data go. What is here is read once and never changes.

`load_spec("gaudi2")` gives an AsicSpec; every number in it has its unit, basis and source in `AsicSpec.facts`. Tables
that this module does not know (power, sensors, identity of a card) belong to other readers of the same file.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from device.dtypes import DataType
from device.facts import Basis, Fact, FactFile, may_be_zero

__all__ = [
    "AsicInfo",
    "AsicSpec",
    "Basis",
    "BatchTile",
    "BundleSpec",
    "DmaSpec",
    "Fact",
    "Fp8Rule",
    "GeometryCandidate",
    "HbmSpec",
    "LaunchSpec",
    "MmeGeometry",
    "MmeSpec",
    "MmeType",
    "NicSpec",
    "PcieSpec",
    "SramKind",
    "SramSpec",
    "SyncSpec",
    "TpcSpec",
    "load_spec",
    "read_spec",
]

_SPECS = Path(__file__).parent / "specs"


class MmeType(enum.StrEnum):
    """What the MME multiplies; decides how many elements of the common dimension a cycle reduces."""

    FP8 = "fp8"
    BF16 = "bf16"
    FP16 = "fp16"
    TF32 = "tf32"
    FP32 = "fp32"
    FP32_IEEE = "fp32_ieee"

    @property
    def size_bytes(self) -> int:
        """Of one operand element in memory."""
        return _MME_SIZE_BYTES.get(self, 4)

    @property
    def is_fp32(self) -> bool:
        """Bound by arithmetic in every geometry, so its input ports never are the limit."""
        return self in (MmeType.FP32, MmeType.FP32_IEEE)


_MME_SIZE_BYTES = {MmeType.FP8: 1, MmeType.BF16: 2, MmeType.FP16: 2}


class Fp8Rule(enum.StrEnum):
    """When a batch tile may serve fp8."""

    ALWAYS = "always"
    NEVER = "never"
    TRANSPOSED_A = "transposed_a"
    TRANSPOSED_B = "transposed_b"


class SramKind(enum.StrEnum):
    SCRATCHPAD = "scratchpad"
    CACHE = "cache"


@dataclass(frozen=True, slots=True)
class AsicInfo:
    name: str
    soc_clock_mhz: int
    clock_steps: int


@dataclass(frozen=True, slots=True)
class MmeGeometry:
    """A way to join the engines: width along the fast dimension (N), height along the other (M), in elements. Up to
    `unconstrained_max_sp` rows a port constraint does not bind."""

    name: str
    width: int
    height: int
    grid_fcd: int
    grid_sp: int
    a_ports: int
    is_port_constrained: bool
    unconstrained_max_sp: int = 0


@dataclass(frozen=True, slots=True)
class GeometryCandidate:
    """A geometry that a gemm tries if all the limits given here hold for it."""

    geometry: str
    min_batch: int | None = None
    max_batch: int | None = None
    min_fcd: int | None = None
    min_sp: int | None = None
    min_larger_side: int | None = None


@dataclass(frozen=True, slots=True)
class BatchTile:
    """How gemms of at most max_fcd x max_sp share the chip."""

    geometries: tuple[str, ...]
    max_fcd: int
    max_sp: int
    width: int
    height: int
    gemms_per_chip: int
    fp8: Fp8Rule = Fp8Rule.ALWAYS
    needs_broadcast_b: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class MmeSpec:
    """Compared and hashed by identity, so that plans can be kept."""

    clock_mhz: int
    engines: int
    macs_per_engine: int
    roll_up_cycles: int
    fallback_geometry: str
    fp8_143_max: int
    toggle_share: float
    toggle_reference: float
    cd_elements: Mapping[MmeType, int]
    geometries: tuple[MmeGeometry, ...]
    candidates: tuple[GeometryCandidate, ...]
    batch_tiles: tuple[BatchTile, ...]

    def geometry(self, name: str) -> MmeGeometry:
        """KeyError for a name that the ASIC does not have."""
        for geometry in self.geometries:
            if geometry.name == name:
                return geometry
        raise KeyError(name)

    def macs_per_cycle(self, mme_type: MmeType) -> float:
        """Multiply-accumulates of all engines in a cycle, if every MAC is used."""
        scale = self.cd_elements[mme_type] / self.cd_elements[MmeType.BF16]
        return self.engines * self.macs_per_engine * scale


@dataclass(frozen=True, slots=True)
class TpcSpec:
    cores: int
    clock_mhz: int
    vector_bytes: int
    cycles_per_vector_access: int


@dataclass(frozen=True, slots=True)
class DmaSpec:
    """The engines that copy within the card. `engines` serve compiled graphs, 0: their copies run on the TPC;
    `command_engines` a copy that somebody asks the runtime for."""

    command_engines: int
    clock_mhz: int
    bytes_per_cycle: int
    efficiency: float
    descriptor_bytes: int
    overhead_ns: int = may_be_zero()
    engines: int = may_be_zero()


@dataclass(frozen=True, slots=True)
class HbmSpec:
    size_bytes: int
    base_address: int
    page_bytes: int
    stacks: int
    channels_per_stack: int
    pseudo_channels: int
    stack_ids: int
    banks: int
    row_bytes: int
    interleave_bytes: int
    burst_bytes: int
    single_bit_limit: int
    peak_bytes_per_s: float
    efficiency: float
    reserved_bytes: int = may_be_zero()

    @property
    def bytes_per_s(self) -> float:
        """What the cost model plans with."""
        return self.peak_bytes_per_s * self.efficiency


@dataclass(frozen=True, slots=True)
class SramSpec:
    kind: SramKind
    size_bytes: int
    base_address: int
    peak_bytes_per_s: float
    reserved_bytes: int = may_be_zero()


@dataclass(frozen=True, slots=True)
class PcieSpec:
    generation: int
    lanes: int
    efficiency: float
    overhead_ns: int = may_be_zero()


@dataclass(frozen=True, slots=True)
class NicSpec:
    """`efficiency` is payload over line rate with full packets of `mtu_bytes`; `latency_ns` from port to port."""

    ports: int
    line_gbps: int
    efficiency: float
    mtu_bytes: int
    latency_ns: int


@dataclass(frozen=True, slots=True)
class SyncSpec:
    objects: int
    max_value: int


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """`gap_ns` passes between a launch and the next one that wants the same engine."""

    gap_ns: int = may_be_zero()


@dataclass(frozen=True, slots=True)
class BundleSpec:
    """What the compiler plans with when it cuts operations into slices."""

    min_slices: int
    max_slices: int
    slice_overhead_cycles: int
    capacity_reserve_bytes: int = may_be_zero()


@dataclass(frozen=True, eq=False, slots=True)
class AsicSpec:
    """Compared and hashed by identity: there is one per file."""

    asic: AsicInfo
    mme: MmeSpec
    tpc: TpcSpec
    dma: DmaSpec
    hbm: HbmSpec
    sram: SramSpec
    pcie: PcieSpec
    nic: NicSpec
    sync: SyncSpec
    bundle: BundleSpec
    launch: LaunchSpec
    facts: Mapping[str, Fact]

    @property
    def name(self) -> str:
        return self.asic.name

    @property
    def fp8_143(self) -> DataType:
        """Which of the two formats of that name this ASIC has."""
        return DataType.FP8_143_448 if self.mme.fp8_143_max == 448 else DataType.FP8_143


@functools.cache
def load_spec(name: str) -> AsicSpec:
    """A built-in ASIC by name: "gaudi2", "gaudi3"."""
    return read_spec(_SPECS / f"{name}.toml")


def read_spec(path: Path) -> AsicSpec:
    """Facts from any file of that form; SpecError names file, key and reason."""
    file = FactFile(path)
    return AsicSpec(
        asic=file.section(AsicInfo, "asic"),
        mme=_read_mme(file),
        tpc=file.section(TpcSpec, "tpc"),
        dma=file.section(DmaSpec, "dma"),
        hbm=file.section(HbmSpec, "hbm"),
        sram=file.section(SramSpec, "sram"),
        pcie=file.section(PcieSpec, "pcie"),
        nic=file.section(NicSpec, "nic"),
        sync=file.section(SyncSpec, "sync"),
        bundle=file.section(BundleSpec, "bundle"),
        launch=file.section(LaunchSpec, "launch"),
        facts=MappingProxyType(file.facts),
    )


def _read_mme(file: FactFile) -> MmeSpec:
    parts: dict[str, object] = {
        "cd_elements": MappingProxyType(_read_cd_elements(file)),
        "geometries": file.rows(MmeGeometry, "mme.geometries", "name"),
        "candidates": file.rows(GeometryCandidate, "mme.candidates", "geometry"),
        "batch_tiles": file.rows(BatchTile, "mme.batch_tiles", "geometries"),
    }
    mme = file.section(MmeSpec, "mme", parts)
    _check_geometry_names(file, mme)
    return mme


def _read_cd_elements(file: FactFile) -> dict[MmeType, int]:
    """A type that the table leaves out is one that the ASIC cannot multiply."""
    table = file.table("mme.cd_elements")
    elements: dict[MmeType, int] = {}
    for key in table:
        if key not in {member.value for member in MmeType}:
            raise file.error(f"mme.cd_elements.{key}", f"is none of {', '.join(MmeType)}")
        elements[MmeType(key)] = file.positive_int("mme.cd_elements", key)
    if MmeType.BF16 not in elements:
        raise file.error("mme.cd_elements.bf16", "is missing; the other types are relative to it")
    return elements


def _check_geometry_names(file: FactFile, mme: MmeSpec) -> None:
    known = {geometry.name for geometry in mme.geometries}
    named = {mme.fallback_geometry}
    named.update(candidate.geometry for candidate in mme.candidates)
    for tile in mme.batch_tiles:
        named.update(tile.geometries)
    unknown = sorted(named - known)
    if unknown:
        raise file.error("mme", f"geometry {unknown[0]!r} is none of {', '.join(sorted(known))}")
