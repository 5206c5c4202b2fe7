"""The device time of a whole launch: queues side by side, held together by sync values, sharing HBM and SRAM."""

from __future__ import annotations

from dataclasses import dataclass

from device.cost.operation import Bound, check_clock_ratio, operation_cost
from device.engine_class import EngineClass, EngineShares
from device.errors import RecipeError
from device.recipe.descriptors import SyncPoint
from device.recipe.recipe import Recipe
from device.spec import AsicSpec

__all__ = ["LaunchCost", "Span", "launch_cost"]


@dataclass(frozen=True, slots=True)
class Span:
    """One descriptor on the time line of the launch, in device seconds from its start."""

    order: int
    engine: EngineClass
    start_s: float
    end_s: float
    bound: Bound


@dataclass(frozen=True, slots=True)
class LaunchCost:
    """`busy` are shares of `seconds`; `spans` are in the order of the schedule. `sram_bytes` are moved in SRAM or
    cache, `scratchpad_bytes` is how much of the SRAM the launch has for itself."""

    seconds: float
    clock_ratio: float
    busy: EngineShares
    flops: int
    hbm_read_bytes: int
    hbm_write_bytes: int
    spans: tuple[Span, ...]
    sram_bytes: int = 0
    scratchpad_bytes: int = 0


def launch_cost(recipe: Recipe, spec: AsicSpec, clock_ratio: float = 1.0) -> LaunchCost:
    """Pure, and a few microseconds a descriptor: keep the result per recipe and clock step.

    RecipeError if the recipe is for another ASIC. If the engines together ask for more than the HBM or the SRAM gives,
    the whole time line is stretched by the excess.
    """
    check_clock_ratio(clock_ratio)
    if recipe.asic != spec.name:
        raise RecipeError(f"recipe {recipe.name} is for {recipe.asic}, this card is a {spec.name}; compile it again")
    spans, busy_s = _time_line(recipe, spec, clock_ratio)
    read_bytes = sum(descriptor.work.hbm_read_bytes for descriptor in recipe.in_order)
    write_bytes = sum(descriptor.work.hbm_write_bytes for descriptor in recipe.in_order)
    sram_bytes = sum(descriptor.work.sram_bytes for descriptor in recipe.in_order)
    hbm_s = (read_bytes + write_bytes) / spec.hbm.bytes_per_s
    makespan_s = max((span.end_s for span in spans), default=0.0)
    seconds = max(makespan_s, hbm_s, sram_bytes / spec.sram.peak_bytes_per_s)
    stretch = seconds / makespan_s if makespan_s > 0.0 else 1.0
    return LaunchCost(
        seconds=seconds,
        clock_ratio=clock_ratio,
        busy=EngineShares.from_seconds({**busy_s, EngineClass.HBM: hbm_s}, seconds),
        flops=sum(descriptor.work.flops for descriptor in recipe.in_order),
        hbm_read_bytes=read_bytes,
        hbm_write_bytes=write_bytes,
        sram_bytes=sram_bytes,
        scratchpad_bytes=recipe.sram_bytes,
        spans=spans if stretch == 1.0 else tuple(_stretched(span, stretch) for span in spans),
    )


def _time_line(recipe: Recipe, spec: AsicSpec, clock_ratio: float) -> tuple[tuple[Span, ...], dict[EngineClass, float]]:
    """Each descriptor starts when its queue is free and its waits are reached."""
    spans: list[Span] = []
    free_at: dict[EngineClass, float] = {}
    reached_at: dict[SyncPoint, float] = {}
    busy_s: dict[EngineClass, float] = {}
    for descriptor in recipe.in_order:
        engine = descriptor.engine
        cost = operation_cost(descriptor.work, spec, clock_ratio)
        waits_s = [reached_at[wait] for wait in descriptor.waits]
        start_s = max(free_at.get(engine, 0.0), *waits_s, 0.0)
        end_s = start_s + cost.seconds
        free_at[engine] = end_s
        reached_at[descriptor.signal] = end_s
        busy_s[engine] = busy_s.get(engine, 0.0) + cost.engine_seconds
        spans.append(Span(descriptor.order, engine, start_s, end_s, cost.bound))
    return tuple(spans), busy_s


def _stretched(span: Span, factor: float) -> Span:
    return Span(span.order, span.engine, span.start_s * factor, span.end_s * factor, span.bound)
