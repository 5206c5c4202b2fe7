"""hbm_tpc_stress: the TPCs load from and store to the whole HBM; everything that was stored is checked.

read        noise is written once, then read again and again
write       noise and its inverse are written by turns, the last one is read
read_write  pieces are copied to the next ones, both are read (default)
full_rw     all three
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hl_qual.plugins.hbm_rounds import run_rounds
from hl_qual.plugins.hbm_stripes import pairs
from hl_qual.plugins.memory_bench import MemoryBench

if TYPE_CHECKING:
    from device.memory import Pattern
    from device.runtime import DeviceBuffer
    from hl_qual.outcome import Outcome
    from hl_qual.plugins.api import Preparation, RunContext

__all__ = ["HbmTpcStress"]

_SELECTOR = "-hbm_tpc_stress"
_REPEATS = 2

Chosen = list[tuple["DeviceBuffer", "DeviceBuffer"]]
Progress = Callable[[float], None]


class HbmTpcStress:
    """The plugin."""

    name = "hbm_tpc_stress"
    title = "HBM stress by TPC"
    default_duration_s = 30.0  # a round on Gaudi 2 (Gaudi 2E manual 1.23)
    needs_card = True

    def prepare(self, preparation: Preparation) -> tuple[str, ...]:
        """The cards make their data themselves."""
        return (f"seed {preparation.seed}; noise that depends on address and seed",)

    def init(self, ctx: RunContext) -> None:
        """Say what will be done."""
        ctx.log(f"mode {_mode(ctx)}")

    def run(self, ctx: RunContext) -> Outcome:
        """The mode's load, once a round."""
        mode, seed = _mode(ctx), ctx.job.seed
        parts = list(_MODES.values()) if mode == "full_rw" else [_MODES[mode]]

        def one(bench: MemoryBench, number: int, progress: Progress) -> None:
            from device.memory import Pattern, PatternKind

            whole = bench.card.malloc(bench.card.largest_free_bytes, is_sparse=True)
            chosen = pairs(whole, number)
            for place, part in enumerate(parts):
                pattern = Pattern(PatternKind.RANDOM, seed + place, is_inverted=number % 2 == 1)
                part(bench, chosen, pattern, lambda share, done=place: progress((done + share) / len(parts)))  # type: ignore[misc]
            bench.card.free(whole)

        return run_rounds(ctx, one)


def _mode(ctx: RunContext) -> str:
    return ctx.job.switches.get(_SELECTOR) or "read_write"


def _fill(bench: MemoryBench, buffer: DeviceBuffer, pattern: Pattern) -> None:
    from device.engine_class import EngineClass

    bench.timed("tpc_write", bench.card.fill(buffer, pattern, engine=EngineClass.TPC).result())


def _read(bench: MemoryBench, chosen: Chosen, pattern: Pattern, progress: Progress) -> None:
    for buffer, _ in chosen:
        _fill(bench, buffer, pattern)
    for repeat in range(_REPEATS):
        for done, (buffer, _) in enumerate(chosen):
            bench.check(buffer, pattern, "tpc_read")
            progress((repeat + (done + 1) / len(chosen)) / _REPEATS)


def _write(bench: MemoryBench, chosen: Chosen, pattern: Pattern, progress: Progress) -> None:
    for _ in range(_REPEATS):
        for each in (pattern.inverted(), pattern):
            for buffer, _ in chosen:
                _fill(bench, buffer, each)
    for done, (buffer, _) in enumerate(chosen):
        bench.check(buffer, pattern, "tpc_read")
        progress((done + 1) / len(chosen))


def _read_write(bench: MemoryBench, chosen: Chosen, pattern: Pattern, progress: Progress) -> None:
    from device.engine_class import EngineClass

    for source, _ in chosen:
        _fill(bench, source, pattern)
    for done, (source, target) in enumerate(chosen):
        bench.check(source, pattern, "tpc_read")
        if bench.copied("tpc_copy", target, source, engine=EngineClass.TPC):
            bench.check(target, pattern, "tpc_read", origin=source)
        progress((done + 1) / len(chosen))


_MODES = {"read": _read, "write": _write, "read_write": _read_write}
