"""What lies where in the SRAM, and when: the buffers of a recipe on the time line of a launch. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device.recipe.descriptors import Operand, Place
from device.recipe.launch import Span
from device.recipe.recipe import Recipe

__all__ = ["SramBuffer", "peak_bytes", "render_sram", "sram_buffers"]

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class SramBuffer:
    """The bytes that `node` writes, from the start of the writing to the end of the last reading."""

    node: str
    offset_bytes: int
    size_bytes: int
    start_s: float
    end_s: float

    @property
    def group(self) -> str:
        """The node without the number of its slice."""
        return self.node.split("@", 1)[0]


def sram_buffers(recipe: Recipe, spans: Sequence[Span]) -> tuple[SramBuffer, ...]:
    """In the order in which they are written. `spans` are those of the launch, in the order of the schedule."""
    writers: list[tuple[Operand, int]] = []
    ends: list[float] = []
    current: dict[tuple[int, int], int] = {}
    for step, span in zip(recipe.in_order, spans, strict=True):
        for operand in step.reads:
            key = (operand.offset_bytes, operand.size_bytes)
            if operand.place is Place.SRAM and key in current:
                ends[current[key]] = max(ends[current[key]], span.end_s)
        for operand in step.writes:
            if operand.place is Place.SRAM:
                current[operand.offset_bytes, operand.size_bytes] = len(writers)
                writers.append((operand, span.order))
                ends.append(span.end_s)
    return tuple(
        SramBuffer(recipe.in_order[order].node, operand.offset_bytes, operand.size_bytes, spans[order].start_s, end_s)
        for (operand, order), end_s in zip(writers, ends, strict=True)
    )


def peak_bytes(buffers: Sequence[SramBuffer]) -> int:
    """Most bytes in use at a time."""
    changes = [(buffer.start_s, buffer.size_bytes) for buffer in buffers]
    changes += [(buffer.end_s, -buffer.size_bytes) for buffer in buffers]
    used, most = 0, 0
    for _, change in sorted(changes):
        used += change
        most = max(most, used)
    return most


def render_sram(recipe: Recipe, spans: Sequence[Span]) -> list[str]:
    """A line a place: who writes there, how often. Empty for a recipe that leaves the SRAM alone."""
    buffers = sram_buffers(recipe, spans)
    if not buffers:
        return []
    peak = peak_bytes(buffers) / _MIB
    lines = [f"SRAM plan, {recipe.sram_bytes / _MIB:.2f} MiB, at most {peak:.2f} MiB in use at a time:"]
    places: dict[tuple[int, int, str], int] = {}
    for buffer in buffers:
        key = (buffer.offset_bytes, buffer.size_bytes, buffer.group)
        places[key] = places.get(key, 0) + 1
    lines += [
        f"  +{offset:<10} {size:>10} B  {times:>3} x {group}" for (offset, size, group), times in sorted(places.items())
    ]
    return lines
