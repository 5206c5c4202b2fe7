"""`gaudi-box sweep`: what the cost model says to a gemm of many sizes, as rows for CSV. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields

from device.errors import GraphError
from device.graph.explain_gemm import explain_gemm, parse_shape
from device.spec import AsicSpec, MmeType

__all__ = ["SweepRow", "parse_sizes", "sweep", "sweep_csv"]

_MOST_ROWS = 10_000
_LETTER = "s"


@dataclass(frozen=True, slots=True)
class SweepRow:
    """`size` is what the letter of the template stood for. Times are device time at the full clock and at the one that
    the power limit leaves; the latter are None on an ASIC without a card."""

    chip: str
    dtype: str
    size: int
    batch: int
    m: int
    n: int
    k: int
    geometry: str
    cycles: int
    macs_in_use: float
    bound: str
    hbm_bytes: int
    full_clock_us: float
    full_clock_tflops: float
    clock_ratio: float | None
    limited_us: float | None
    limited_tflops: float | None


def parse_sizes(text: str) -> tuple[int, ...]:
    """ "256,384,512", "256:4096" (doubling), or "256:4096:128" (in steps)."""
    if re.fullmatch(r"\d+(,\d+)*", text):
        sizes = [int(part) for part in text.split(",")]
    elif match := re.fullmatch(r"(\d+):(\d+)(?::(\d+))?", text):
        first, last, step = int(match[1]), int(match[2]), int(match[3] or 0)
        if first < 1 or (match[3] and step < 1):
            raise GraphError(f"{text!r}: sizes and steps are 1 or more")
        sizes = list(range(first, last + 1, step)) if step else _doubled(first, last)
    else:
        raise GraphError(f"{text!r} are no sizes; write 256,384,512 or 256:4096 (doubling) or 256:4096:128 (in steps)")
    if not 1 <= len(sizes) <= _MOST_ROWS:
        raise GraphError(f"{text!r} are {len(sizes)} sizes; from 1 to {_MOST_ROWS} can be swept")
    return tuple(sizes)


def sweep(template: str, sizes: Sequence[int], mme_type: MmeType, specs: Iterable[AsicSpec]) -> list[SweepRow]:
    """A row for each chip and size; `template` is a shape with the letter s in it, as "sxsxs" or "16xsx4096"."""
    if _LETTER not in template:
        raise GraphError(f"{template!r} has no {_LETTER!r} to put the sizes in, as in sxsxs or 16x{_LETTER}x4096")
    return [_row(template.replace(_LETTER, str(size)), size, mme_type, spec) for spec in specs for size in sizes]


def sweep_csv(rows: Sequence[SweepRow]) -> str:
    """With a header; what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(SweepRow)])
    writer.writerows([_cell(value) for value in astuple(row)] for row in rows)
    return text.getvalue()


def _doubled(first: int, last: int) -> list[int]:
    sizes: list[int] = []
    while first <= last:
        sizes.append(first)
        first *= 2
    return sizes


def _row(shape_text: str, size: int, mme_type: MmeType, spec: AsicSpec) -> SweepRow:
    found = explain_gemm(parse_shape(shape_text), mme_type, spec)
    shape, full, limited = found.shape, found.full_clock, found.at_limit
    return SweepRow(
        chip=spec.name,
        dtype=str(mme_type),
        size=size,
        batch=shape.batch,
        m=shape.m,
        n=shape.n,
        k=shape.k,
        geometry=found.winner.geometry,
        cycles=found.winner.cycles,
        macs_in_use=found.winner.utilisation,
        bound=str(full.bound),
        hbm_bytes=full.work.hbm_bytes,
        full_clock_us=full.seconds * 1e6,
        full_clock_tflops=full.work.flops / full.seconds / 1e12,
        clock_ratio=None if found.settled is None else found.settled.ratio,
        limited_us=None if limited is None else limited.seconds * 1e6,
        limited_tflops=None if limited is None else limited.work.flops / limited.seconds / 1e12,
    )


def _cell(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value
