"""`gaudi-box explain gemm`: which geometry a gemm gets, why, and how long it takes. Query, then render; both pure.

Nothing is compiled or launched: the figures are those of device.cost, the constants those of the specs. A convolution
is the gemm of its output positions, its filters, and kernel x channels; its image crosses the HBM once, as it lies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from device.cost import (
    Bound,
    GemmShape,
    MmePlan,
    OperationCost,
    candidate_geometries,
    gemm_work,
    operation_cost,
    plan_geometry,
)
from device.cost.power_limit import CardPlace, SettledClock, find_card_place, settled_clock
from device.errors import GraphError
from device.spec import AsicSpec, Fact, MmeType

__all__ = [
    "ConvolutionShape",
    "GemmExplanation",
    "explain_convolution",
    "explain_gemm",
    "parse_convolution",
    "parse_shape",
    "render_gemm",
]

_LARGEST = 1 << 20

# What the cycles, the bytes and the clock of a gemm rest on, beside the tables of geometries.
_CONSTANTS = (
    *("mme.clock_mhz", "mme.macs_per_engine", "mme.roll_up_cycles", "hbm.peak_bytes_per_s", "hbm.efficiency"),
    "launch.gap_ns",
)


@dataclass(frozen=True, slots=True)
class ConvolutionShape:
    """Image batch x height x width x channels, kernel height x width, filters; zeros around keep the size."""

    batch: int
    height: int
    width: int
    channels: int
    kernel_height: int
    kernel_width: int
    filters: int
    stride: int = 1

    @property
    def gemm(self) -> GemmShape:
        positions = self.batch * -(-self.height // self.stride) * -(-self.width // self.stride)
        common = self.kernel_height * self.kernel_width * self.channels
        return GemmShape(positions, self.filters, common, is_convolution=True)

    @property
    def read_elements(self) -> int:
        """Of image and filters, each once."""
        image = self.batch * self.height * self.width * self.channels
        return image + self.kernel_height * self.kernel_width * self.channels * self.filters

    def __str__(self) -> str:
        image = f"{self.batch}x{self.height}x{self.width}x{self.channels}"
        stride = "" if self.stride == 1 else f", stride {self.stride}"
        return f"{image}, {self.filters} filters of {self.kernel_height}x{self.kernel_width}{stride}"


@dataclass(frozen=True, slots=True)
class GemmExplanation:
    """`title` says what it is. `plans` in the order in which they are tried; `settled` and `at_limit` are None if no
    card spec has the ASIC. `gap_ns` passes before the next launch."""

    title: str
    asic: str
    shape: GemmShape
    mme_type: MmeType
    plans: tuple[MmePlan, ...]
    winner: MmePlan
    full_clock: OperationCost
    full_clock_mhz: float
    place: CardPlace | None
    settled: SettledClock | None
    at_limit: OperationCost | None
    gap_ns: int
    constants: tuple[tuple[str, Fact], ...]


def parse_shape(text: str) -> GemmShape:
    """ "MxNxK", or "BxMxNxK" for a batch."""
    match = re.fullmatch(r"(?:(\d+)x)?(\d+)x(\d+)x(\d+)", text)
    sizes = [int(part or 1) for part in match.groups()] if match else []
    if not sizes or not all(1 <= size <= _LARGEST for size in sizes):
        raise GraphError(f"{text!r} is no shape MxNxK or BxMxNxK with sizes from 1 to {_LARGEST}")
    batch, m, n, k = sizes
    return GemmShape(m, n, k, batch)


def parse_convolution(text: str) -> ConvolutionShape:
    """ "NxHxWxC,KHxKWxF", or with the stride behind another comma."""
    match = re.fullmatch(r"(\d+)x(\d+)x(\d+)x(\d+),(\d+)x(\d+)x(\d+)(?:,(\d+))?", text)
    sizes = [int(part or 1) for part in match.groups()] if match else []
    if not sizes or not all(1 <= size <= _LARGEST for size in sizes):
        raise GraphError(f"{text!r} is no convolution NxHxWxC,KHxKWxF[,stride] with sizes from 1 to {_LARGEST}")
    return ConvolutionShape(*sizes)


def explain_gemm(shape: GemmShape, mme_type: MmeType, spec: AsicSpec) -> GemmExplanation:
    """GraphError for a type that the ASIC does not multiply."""
    batch = "" if shape.batch == 1 else f"{shape.batch} x "
    return _explain(f"gemm {batch}{shape.m}x{shape.n}x{shape.k}", shape, mme_type, spec, None)


def explain_convolution(convolution: ConvolutionShape, mme_type: MmeType, spec: AsicSpec) -> GemmExplanation:
    """GraphError for a type that the ASIC does not multiply."""
    shape = convolution.gemm
    title = f"convolution {convolution} (a gemm {shape.m}x{shape.n}x{shape.k})"
    return _explain(title, shape, mme_type, spec, convolution.read_elements * mme_type.size_bytes)


def _explain(
    title: str, shape: GemmShape, mme_type: MmeType, spec: AsicSpec, read_bytes: int | None
) -> GemmExplanation:
    if mme_type not in spec.mme.cd_elements:
        raise GraphError(
            f"the MME of {spec.name} does not multiply {mme_type}; it has {', '.join(spec.mme.cd_elements)}"
        )
    plans = tuple(plan_geometry(shape, mme_type, each, spec.mme) for each in candidate_geometries(shape, spec.mme))
    winner = min(plans, key=lambda plan: plan.cycles)
    work = gemm_work(winner, shape, mme_type, _output_bytes(mme_type))
    if read_bytes is not None:
        work = replace(work, hbm_read_bytes=read_bytes)
    place = find_card_place(spec.name)
    settled = None
    if place is not None:
        settled = settled_clock(lambda ratio: operation_cost(work, spec, ratio).busy, place)
    return GemmExplanation(
        title=title,
        asic=spec.name,
        shape=shape,
        mme_type=mme_type,
        plans=plans,
        winner=winner,
        full_clock=operation_cost(work, spec),
        full_clock_mhz=spec.mme.clock_mhz,
        place=place,
        settled=settled,
        at_limit=None if settled is None else operation_cost(work, spec, settled.ratio),
        gap_ns=spec.launch.gap_ns,
        constants=tuple((key, spec.facts[key]) for key in _CONSTANTS),
    )


def render_gemm(found: GemmExplanation) -> str:
    lines = [f"{found.title} {found.mme_type} on {found.asic}", "", *_candidates(found), ""]
    lines += [*_bytes(found), "", *_times(found), "", "constants:"]
    lines += [f"  {key} = {_value(fact)}  {fact.basis}: {fact.source}" for key, fact in found.constants]
    lines += _card_constants(found)
    return "\n".join(lines) + "\n"


def _output_bytes(mme_type: MmeType) -> int:
    """An fp8 product is stored as bf16, every other one in the type of its operands."""
    return max(mme_type.size_bytes, MmeType.BF16.size_bytes)


def _candidates(found: GemmExplanation) -> Iterable[str]:
    yield "  geometry  tile WxH   at once  K parts  steps fcd x sp x batch  constrained      cycles  MACs in use"
    for plan in found.plans:
        mark = "*" if plan is found.winner else " "
        tile = f"{plan.tile_width}x{plan.tile_height}"
        steps = f"{plan.fcd_steps} x {plan.sp_steps} x {plan.batch_steps}"
        yield (
            f"{mark} {plan.geometry:<8}  {tile:<9}  {plan.concurrency:>7}  {plan.cd_concurrency:>7}  {steps:>22}"
            f"  {plan.constrained_steps:>11}  {plan.cycles:>10}  {plan.utilisation:>11.1%}"
        )
    yield _reason(found)


def _reason(found: GemmExplanation) -> str:
    winner, others = found.winner, [plan for plan in found.plans if plan is not found.winner]
    if not others:
        return f"{winner.geometry}: the only candidate for this shape"
    best = min(others, key=lambda plan: plan.cycles)
    if best.cycles == winner.cycles:
        return f"{winner.geometry}: no candidate needs fewer cycles, and it is tried before {best.geometry}"
    return f"{winner.geometry}: fewest cycles, {best.geometry} needs {best.cycles / winner.cycles - 1:.1%} more"


def _bytes(found: GemmExplanation) -> Iterable[str]:
    work = found.full_clock.work
    intensity = work.flops / work.hbm_bytes
    yield f"bytes: {work.hbm_read_bytes} read, {work.hbm_write_bytes} written, each operand once"
    yield f"operations: {work.flops}, {intensity:.1f} a byte"


def _times(found: GemmExplanation) -> Iterable[str]:
    cost = found.full_clock
    yield f"launch gap: {found.gap_ns / 1e3:g} us to the next launch on the MME, not part of the times below"
    yield f"full clock, {found.full_clock_mhz:g} MHz: {_time(cost)}"
    if found.place is None or found.settled is None or found.at_limit is None:
        yield f"power limit: no card spec has a {found.asic}, so the clock under load is not known"
        return
    settled = found.settled
    limit_w = found.place.card.power.limit_default_w
    clock = f"{settled.ratio * found.full_clock_mhz:.0f} MHz ({settled.ratio:.4f} of the full clock)"
    state = f"power limit {limit_w:g} W" if settled.is_limited else f"below the power limit of {limit_w:g} W"
    yield f"{state}, {clock}: {_time(found.at_limit)}"
    where = f"{found.place.card_name} in {found.place.box_type} with air of {found.place.ambient_c:g} C"
    yield f"  steady state of the nominal {where}: {settled.power_w:.0f} W, die {settled.die_c:.0f} C"


def _time(cost: OperationCost) -> str:
    bound = "MME" if cost.bound is Bound.ENGINE else cost.bound.name
    tflops = cost.work.flops / cost.seconds / 1e12
    parts = f"MME {cost.engine_seconds * 1e6:.2f} us, HBM {cost.hbm_seconds * 1e6:.2f} us"
    if cost.sram_seconds > 0.0:
        parts += f", partial sums {cost.sram_seconds * 1e6:.2f} us"
    return f"{cost.seconds * 1e6:.2f} us, {tflops:.1f} TFLOPS, bound by the {bound} ({parts})"


def _value(fact: Fact) -> str:
    number = f"{fact.value:g}" if isinstance(fact.value, float) else str(fact.value)
    return number if fact.unit in ("", "1") else f"{number} {fact.unit}"


def _card_constants(found: GemmExplanation) -> Iterable[str]:
    if found.place is None:
        return
    name, power = found.place.card_name, found.place.card.power
    yield f"  {name}: idle {power.idle_w:g} W, MME {power.mme_w:g} W at full rate, HBM {power.hbm_w:g} W;"
    yield f"  basis and source of each are in device/specs/{name}.toml, what was fitted to what in docs/model.md"
