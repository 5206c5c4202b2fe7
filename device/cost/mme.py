"""The MME: geometry, steps and cycles of a gemm, after the cost model in Intel's published graph compiler.

Names follow it: fcd is the fast changing dimension (N, along the width W), sp the other one of the output (M, along
the height H), CD the common dimension (K). Left out: the hybrid of batch and CD concurrency and its asymmetric ports
(gradients of filters only), sub-views, partial reuse of the input buffers, the penalty of unaligned operands.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from device.cost.work import Work
from device.engine_class import EngineClass
from device.spec import AsicSpec, BatchTile, Fp8Rule, GeometryCandidate, MmeGeometry, MmeSpec, MmeType

__all__ = ["GemmShape", "MmePlan", "candidate_geometries", "gemm_work", "macs_per_second", "plan_gemm", "plan_geometry"]

# An input port of the MME carries so many elements; with the rows of a transposed operand it sets the cost of a step.
_PORT_ELEMENTS = 64

# The slices of a graph have few shapes, which are planned again and again.
_KEPT_PLANS = 4096

# A partial sum is fp32.
_PARTIAL_BYTES = 4

# The geometry that walks along sp first.
_WIDEST = "4xw"


@dataclass(frozen=True, slots=True)
class GemmShape:
    """C[m, n] = A[m, k] x B[k, n], `batch` times. `is_convolution`: the A of a convolution, never in memory as such."""

    m: int
    n: int
    k: int
    batch: int = 1
    transpose_a: bool = False
    transpose_b: bool = False
    is_b_broadcast: bool = False
    is_convolution: bool = False

    @property
    def macs(self) -> int:
        return self.batch * self.m * self.n * self.k


@dataclass(frozen=True, slots=True)
class MmePlan:
    """How a gemm runs in one geometry. `utilisation` is the share of all MACs that do useful work, 0..1.

    The walk goes along fcd first or along sp first, and keeps the operand that all steps along it share; the other one
    is fetched again in each row of the walk. `concurrency` gemms of a batch run at a time; with `cd_concurrency` so
    many parts of the chip share one common dimension, and their results are added up in memory. `a_fetches` and
    `b_fetches` count how often the whole operand is read.
    """

    geometry: str
    tile_width: int
    tile_height: int
    concurrency: int
    fcd_steps: int
    sp_steps: int
    batch_steps: int
    constrained_steps: int
    cycles: int
    utilisation: float
    walks_fcd_first: bool
    cd_concurrency: int = 1

    @property
    def a_fetches(self) -> int:
        return 1 if self.walks_fcd_first else self.fcd_steps

    @property
    def b_fetches(self) -> int:
        return self.sp_steps if self.walks_fcd_first else 1


@dataclass(frozen=True, slots=True)
class _Tile:
    """The part of the chip that serves one gemm of a batch, and how many such parts there are."""

    width: int
    height: int
    concurrency: int


@functools.lru_cache(maxsize=_KEPT_PLANS)
def plan_gemm(shape: GemmShape, mme_type: MmeType, mme: MmeSpec) -> MmePlan:
    """The candidate with the fewest cycles; the first of equal ones. Kept: the same call gives the same object."""
    plans = [plan_geometry(shape, mme_type, geometry, mme) for geometry in candidate_geometries(shape, mme)]
    return min(plans, key=lambda plan: plan.cycles)


def candidate_geometries(shape: GemmShape, mme: MmeSpec) -> tuple[MmeGeometry, ...]:
    names = [candidate.geometry for candidate in mme.candidates if _is_candidate(candidate, shape)]
    return tuple(mme.geometry(name) for name in names or [mme.fallback_geometry])


@functools.lru_cache(maxsize=_KEPT_PLANS)
def plan_geometry(shape: GemmShape, mme_type: MmeType, geometry: MmeGeometry, mme: MmeSpec) -> MmePlan:
    """Parts of the chip that a gemm leaves idle take other gemms of the batch, or parts of its common dimension.

    The common dimension is split only where that accelerates more than the batch and saves cycles. ValueError for a
    type that the ASIC does not multiply.
    """
    if mme_type not in mme.cd_elements:
        raise ValueError(f"this MME does not multiply {mme_type}; it has {', '.join(mme.cd_elements)}")
    tile = _concurrent_tile(shape, mme_type, geometry, mme)
    whole = _plan(shape, mme_type, geometry, mme, tile, 1)
    halves = _halved_tile(shape, geometry)
    if halves.concurrency == 1 or shape.is_convolution:
        return whole
    split = _plan(shape, mme_type, geometry, mme, _Tile(halves.width, halves.height, 1), halves.concurrency)
    batch_acceleration = shape.batch / (whole.batch_steps * whole.fcd_steps * whole.sp_steps)
    cd_acceleration = halves.concurrency / (split.fcd_steps * split.sp_steps)
    is_worth_it = cd_acceleration > max(batch_acceleration, 1.0) and split.cycles < whole.cycles
    return split if is_worth_it else whole


def _plan(
    shape: GemmShape, mme_type: MmeType, geometry: MmeGeometry, mme: MmeSpec, tile: _Tile, cd_concurrency: int
) -> MmePlan:
    fcd_steps = _ceil_div(shape.n, tile.width)
    sp_steps = _ceil_div(shape.m, tile.height)
    batch_steps = _ceil_div(shape.batch, tile.concurrency)
    is_constrained = _is_port_constrained(shape, mme_type, geometry)
    constrained = _constrained_steps(geometry, fcd_steps, sp_steps) if is_constrained else 0

    scaled_cd = _ceil_div(shape.k * mme.cd_elements[MmeType.BF16], mme.cd_elements[mme_type])
    effective_cd = _ceil_div(scaled_cd, cd_concurrency)
    step_cycles = max(effective_cd, mme.roll_up_cycles)
    constrained_cycles = max(int(effective_cd * _step_cost(shape, geometry)), mme.roll_up_cycles)
    # The published model counts the constrained steps of a convolution twice: as free ones too.
    free_steps = fcd_steps * sp_steps - (0 if shape.is_convolution else constrained)
    cycles = batch_steps * (free_steps * step_cycles + constrained * constrained_cycles)
    return MmePlan(
        geometry=geometry.name,
        tile_width=tile.width,
        tile_height=tile.height,
        concurrency=tile.concurrency,
        fcd_steps=fcd_steps,
        sp_steps=sp_steps,
        batch_steps=batch_steps,
        constrained_steps=constrained,
        cycles=cycles,
        utilisation=shape.macs / (cycles * mme.macs_per_cycle(mme_type)),
        walks_fcd_first=_walks_fcd_first(geometry, fcd_steps, sp_steps),
        cd_concurrency=cd_concurrency,
    )


def gemm_work(plan: MmePlan, shape: GemmShape, mme_type: MmeType, output_size_bytes: int, bias_bytes: int = 0) -> Work:
    """`output_size_bytes` is that of one element. Each operand crosses the HBM once: slices are reused on the chip, and
    there the parts of a common dimension are added up as fp32."""
    a_elements = shape.batch * shape.m * shape.k
    b_elements = (1 if shape.is_b_broadcast else shape.batch) * shape.k * shape.n
    return Work(
        engine=EngineClass.MME,
        cycles=plan.cycles,
        fixed_ns=0,
        hbm_read_bytes=(a_elements + b_elements) * mme_type.size_bytes + bias_bytes,
        hbm_write_bytes=shape.batch * shape.m * shape.n * output_size_bytes,
        flops=2 * shape.macs,
        sram_bytes=_PARTIAL_BYTES * (plan.cd_concurrency - 1) * shape.batch * shape.m * shape.n,
    )


def macs_per_second(mme_type: MmeType, spec: AsicSpec, clock_ratio: float = 1.0) -> float:
    """Peak rate of the card at a SoC clock ratio; twice that are its FLOP/s."""
    return spec.mme.macs_per_cycle(mme_type) * spec.mme.clock_mhz * 1e6 * clock_ratio


def _ceil_div(value: int, divisor: int) -> int:
    return -(-value // divisor)


def _is_candidate(candidate: GeometryCandidate, shape: GemmShape) -> bool:
    lower_limits = (
        (candidate.min_batch, shape.batch),
        (candidate.min_fcd, shape.n),
        (candidate.min_sp, shape.m),
        (candidate.min_larger_side, max(shape.m, shape.n)),
    )
    if any(limit is not None and value < limit for limit, value in lower_limits):
        return False
    return candidate.max_batch is None or shape.batch <= candidate.max_batch


def _halved_tile(shape: GemmShape, geometry: MmeGeometry) -> _Tile:
    """Halve the chip along its engine grid while the gemm fits into the half."""
    width, height, concurrency = geometry.width, geometry.height, 1
    grid_fcd, grid_sp = geometry.grid_fcd, geometry.grid_sp
    while grid_fcd > 1 and width // 2 >= shape.n:
        width, grid_fcd, concurrency = width // 2, grid_fcd // 2, concurrency * 2
    while grid_sp > 1 and height // 2 >= shape.m:
        height, grid_sp, concurrency = height // 2, grid_sp // 2, concurrency * 2
    return _Tile(width, height, concurrency)


def _concurrent_tile(shape: GemmShape, mme_type: MmeType, geometry: MmeGeometry, mme: MmeSpec) -> _Tile:
    """For a batch: the halved chip, and once the engine grid is used up a split within the engines."""
    if shape.batch == 1:
        return _Tile(geometry.width, geometry.height, 1)
    halved = _halved_tile(shape, geometry)
    if halved.concurrency == geometry.grid_fcd * geometry.grid_sp:
        for tile in mme.batch_tiles:
            if _tile_fits(tile, shape, mme_type, geometry):
                return _Tile(tile.width, tile.height, halved.concurrency * tile.gemms_per_chip // mme.engines)
    return halved


def _tile_fits(tile: BatchTile, shape: GemmShape, mme_type: MmeType, geometry: MmeGeometry) -> bool:
    if geometry.name not in tile.geometries or shape.n > tile.max_fcd or shape.m > tile.max_sp:
        return False
    if tile.needs_broadcast_b and not shape.is_b_broadcast:
        return False
    if mme_type is not MmeType.FP8 or tile.fp8 is Fp8Rule.ALWAYS:
        return True
    is_transposed = {Fp8Rule.TRANSPOSED_A: shape.transpose_a, Fp8Rule.TRANSPOSED_B: shape.transpose_b}
    return is_transposed.get(tile.fp8, False)


def _is_port_constrained(shape: GemmShape, mme_type: MmeType, geometry: MmeGeometry) -> bool:
    """fp32 is bound by arithmetic in every geometry. A tall one leaves a port of A unused if there are few rows."""
    if not geometry.is_port_constrained or mme_type.is_fp32:
        return False
    is_short = shape.m <= geometry.unconstrained_max_sp
    return not is_short or shape.transpose_a or mme_type is MmeType.FP8


def _walks_fcd_first(geometry: MmeGeometry, fcd_steps: int, sp_steps: int) -> bool:
    """The walk that the compiler chooses by itself: along the side with more than one step, the widest geometry along
    sp if it can, all others along fcd."""
    return sp_steps == 1 if geometry.name == _WIDEST else fcd_steps > 1


def _constrained_steps(geometry: MmeGeometry, fcd_steps: int, sp_steps: int) -> int:
    """Steps that load both operands through shared ports: one in each row of the walk, or in each column."""
    is_fcd_first = _walks_fcd_first(geometry, fcd_steps, sp_steps)
    is_raster = fcd_steps > 1 if is_fcd_first else sp_steps == 1
    return sp_steps if is_raster else fcd_steps


def _step_cost(shape: GemmShape, geometry: MmeGeometry) -> float:
    """Time of a constrained step relative to a free one; a transposed operand that is small loads faster than twice."""
    cost_a = 2.0
    if shape.transpose_a:
        cost_a = 1.0 + _ceil_div(shape.m, geometry.a_ports) / _PORT_ELEMENTS
    cost_b = 2.0
    if shape.transpose_b:
        cost_b = 1.0 + min(shape.n, _PORT_ELEMENTS) / _PORT_ELEMENTS
    return min(cost_a, cost_b)
