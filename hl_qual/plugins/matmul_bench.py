"""A workload on one card: operands and result buffers in device memory, launches, and what a wrong result means.

Used inside a runner by matmul_stress and the power tests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hl_qual.findings import Finding
from hl_qual.outcome import Retest
from hl_qual.plugins.matmul_workload import SETS, Shape, load_golden, load_recipe, operands_of

if TYPE_CHECKING:
    from device.runtime import Card, DeviceBuffer, Launch, Stream
    from hl_qual.golden.checker import Tally
    from hl_qual.golden.operands import Bf16
    from hl_qual.golden.tiles import F32, Golden
    from hl_qual.plugins.api import RunContext

__all__ = ["Bench", "mismatch_findings"]

_SHOWN_MISMATCHES = 4


class Bench:
    """Everything on one card that the launches of one shape need. `slots` results fit side by side."""

    def __init__(
        self, ctx: RunContext, shape: Shape, directory: Path, slots: int, stream: Stream | None = None
    ) -> None:
        if ctx.card is None:
            raise RuntimeError(f"{ctx.job.plugin} needs a card")
        self.notes: Mapping[str, str] = json.loads((directory / "notes.json").read_text(encoding="utf-8"))
        self.shape = shape
        self.card: Card = ctx.card
        self.recipe = load_recipe(directory)
        self.golden: list[Golden] = load_golden(directory)
        self.a_bits, self.b_bits = operands_of(ctx.job.seed, shape)
        self.a = self._placed(self.a_bits)
        self.b = [self._placed(bits) for bits in self.b_bits]
        self.c: list[DeviceBuffer] = [self.card.malloc(4 * shape.m * shape.n) for _ in range(slots)]
        self.stream: Stream = stream or self.card.create_stream()

    def _placed(self, bits: Bf16) -> DeviceBuffer:
        buffer = self.card.malloc(bits.nbytes)
        self.card.copy_to_device(buffer, bits)
        return buffer

    def launch(self, data_set: int, slot: int) -> Launch:
        """Start one multiplication; its result will be in buffer `slot`."""
        return self.stream.launch(self.recipe, {"A": self.a, "B": self.b[data_set], "C": self.c[slot]})

    def fetch(self, slot: int, result: F32) -> None:
        """Copy a result to the host."""
        self.card.copy_from_device(self.c[slot], result)

    def is_wrong(self, data_set: int) -> bool:
        """Execute one data set again, alone."""
        import numpy as np

        self.launch(data_set, 0)
        self.stream.synchronize()
        result = np.empty_like(self.golden[data_set].result)
        self.fetch(0, result)
        return result.tobytes() != self.golden[data_set].result.tobytes()


def mismatch_findings(ctx: RunContext, benches: list[Bench], tally: Tally) -> tuple[list[Finding], tuple[Retest, ...]]:
    """Where and what; then the failing data sets once more, for the failure rate.

    The checker's data sets count through the benches: set d belongs to bench d // 2.
    """
    if not tally.mismatched:
        return [], ()
    findings = [finding for bench in benches for finding in _operand_findings(bench)]
    for launch, data_set, mismatch in tally.first[:_SHOWN_MISMATCHES]:
        message = f"launch {launch}, data set {SETS[data_set % len(SETS)]}, {mismatch}"
        findings.append(
            Finding("MME_MISCOMPARE", message, engine="MME", expected=mismatch.expected, actual=mismatch.actual)
        )
    ctx.log(f"wrong results: {tally.mismatched} of {tally.checked} launches")
    return findings, tuple(_retest(ctx, benches, data_set) for data_set in sorted(tally.wrong_sets))


def _retest(ctx: RunContext, benches: list[Bench], data_set: int) -> Retest:
    bench, number = benches[data_set // len(SETS)], data_set % len(SETS)
    runs = int(ctx.job.limits["retests"])
    wrong = sum(bench.is_wrong(number) for _ in range(runs))
    return Retest(ctx.job.seed, SETS[number], runs, wrong)


def _operand_findings(bench: Bench) -> list[Finding]:
    """Read the operands back: if they have changed, the memory is at fault and not the MME."""
    import numpy as np

    findings = []
    names = ["A", *SETS]
    for name, buffer, bits in zip(names, [bench.a, *bench.b], [bench.a_bits, *bench.b_bits], strict=True):
        actual = np.empty_like(bits)
        bench.card.copy_from_device(buffer, actual)
        wrong = np.flatnonzero(actual != bits)
        if len(wrong) == 0:
            continue
        first = int(wrong[0])
        address = buffer.address + first * bits.itemsize
        findings.append(
            Finding(
                "HBM_MISCOMPARE",
                f"operand {name} has changed in device memory: {len(wrong)} elements, the first at 0x{address:x}",
                engine="HBM",
                expected=f"0x{int(bits.flat[first]):04x}",
                actual=f"0x{int(actual.flat[first]):04x}",
            )
        )
    return findings
