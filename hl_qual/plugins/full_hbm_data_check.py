"""full_hbm_data_check_test: every location of the HBM is written, then every location is read and compared.

Each word gets its own address, exclusive or with the seed, and in a second pass the inverse: every cell holds both
values once, and two addresses that select the same cell show, because all is written before any is read. A word that
lies at the wrong address says where it was meant to go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hl_qual.plugins.hbm_rounds import run_rounds
from hl_qual.plugins.memory_bench import MemoryBench, pieces

if TYPE_CHECKING:
    from hl_qual.outcome import Outcome
    from hl_qual.plugins.api import Preparation, RunContext

__all__ = ["FullHbmDataCheck"]

# What is written and read at a time; between two of them the runner gives a sign of life.
_PIECE_BYTES = 1 << 30


class FullHbmDataCheck:
    """The plugin."""

    name = "full_hbm_data_check_test"
    title = "full HBM data check"
    # About seven minutes a round on Gaudi 2 (Gaudi 2E manual 1.23); here it is patience, for busy hosts.
    default_duration_s = 420.0
    needs_card = True

    def prepare(self, preparation: Preparation) -> tuple[str, ...]:
        """The card makes its data itself."""
        return (f"seed {preparation.seed}; every word holds its own address, then the inverse",)

    def init(self, ctx: RunContext) -> None:
        """Nothing to place before the rounds."""

    def run(self, ctx: RunContext) -> Outcome:
        """Two passes over all of the memory a round."""
        seed = ctx.job.seed

        def one(bench: MemoryBench, number: int, progress: Callable[[float], None]) -> None:
            _check_all(bench, seed + number, progress)

        return run_rounds(ctx, one)


def _check_all(bench: MemoryBench, seed: int, progress: Callable[[float], None]) -> None:
    from device.engine_class import EngineClass
    from device.memory import Pattern, PatternKind

    card = bench.card
    # A multiple of the alignment of words: addresses stay recognisable.
    pattern = Pattern(PatternKind.ADDRESS, seed << 40)
    whole = card.malloc(card.largest_free_bytes, is_sparse=True)
    parts = list(pieces(whole, _PIECE_BYTES))
    for number, each in enumerate((pattern, pattern.inverted())):
        for part in parts:
            bench.timed("tpc_write", card.fill(part, each, engine=EngineClass.TPC).result())
        for done, part in enumerate(parts):
            bench.check(part, each, "tpc_read")
            progress((number + (done + 1) / len(parts)) / 2)
    card.free(whole)
