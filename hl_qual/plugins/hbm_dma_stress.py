"""hbm_dma_stress: the DMA engines fill and copy across the whole HBM, and everything they wrote is checked.

A round writes noise to a piece of every stripe, copies it to the next piece with all channels, and compares both; then
real bytes of the host go through HBM and SRAM and back.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

from hl_qual.plugins.hbm_rounds import run_rounds
from hl_qual.plugins.hbm_stripes import pairs
from hl_qual.plugins.memory_bench import MemoryBench

if TYPE_CHECKING:
    from hl_qual.outcome import Outcome
    from hl_qual.plugins.api import Preparation, RunContext

__all__ = ["HbmDmaStress"]

# Of the host's bytes that make the tour.
_TOUR_BYTES = 8 << 20


class HbmDmaStress:
    """The plugin."""

    name = "hbm_dma_stress"
    title = "HBM stress by DMA"
    default_duration_s = 80.0  # a round on Gaudi 2 (Gaudi 2E manual 1.23)
    needs_card = True

    def prepare(self, preparation: Preparation) -> tuple[str, ...]:
        """The cards make their data themselves."""
        return (f"seed {preparation.seed}; noise that depends on address and seed",)

    def init(self, ctx: RunContext) -> None:
        """Nothing to place before the rounds."""

    def run(self, ctx: RunContext) -> Outcome:
        """Fill, copy, check, and the tour."""
        seed = ctx.job.seed

        def one(bench: MemoryBench, number: int, progress: Callable[[float], None]) -> None:
            _stress(bench, number, seed, progress)
            _tour(bench, seed + number)

        return run_rounds(ctx, one)


def _stress(bench: MemoryBench, number: int, seed: int, progress: Callable[[float], None]) -> None:
    from device.memory import Pattern, PatternKind

    card = bench.card
    whole = card.malloc(card.largest_free_bytes, is_sparse=True)
    chosen = pairs(whole, number)
    pattern = Pattern(PatternKind.RANDOM, seed, is_inverted=number % 2 == 1)
    for source, _ in chosen:
        bench.timed("dma_fill", card.fill(source, pattern).result())
    for done, (source, target) in enumerate(chosen):
        bench.check(source, pattern)
        if bench.copied("dma_copy", target, source):
            bench.check(target, pattern, origin=source)
        progress((done + 1) / len(chosen))
    card.free(whole)


def _tour(bench: MemoryBench, seed: int) -> None:
    """Host, HBM, SRAM if it has addresses, HBM, host."""
    import numpy as np

    from device.errors import EccError
    from device.memory import compare
    from device.runtime import MemorySpace
    from device.spec import SramKind

    card = bench.card
    data = np.random.Generator(np.random.PCG64(seed)).integers(0, 256, _TOUR_BYTES, dtype=np.uint8)
    back = np.empty_like(data)
    has_sram = card.spec.sram.kind is SramKind.SCRATCHPAD
    stations = [card.malloc(_TOUR_BYTES)]
    if has_sram:
        stations.append(card.malloc(_TOUR_BYTES, MemorySpace.SRAM))
    stations.append(card.malloc(_TOUR_BYTES))
    try:
        card.copy_to_device(stations[0], data).result()
        for here, there in itertools.pairwise(stations):
            card.copy(there, here).result()
        card.copy_from_device(stations[-1], back).result()
        bench.compared(compare(data, back, stations[-1].address, most=8))
    except EccError as error:
        bench.note_error(error.address, str(error))
    for station in stations:
        card.free(station)
