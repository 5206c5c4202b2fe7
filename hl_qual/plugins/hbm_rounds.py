"""The frame of the HBM tests: rounds of a load, the ECC counters after each, then a reset of the card.

A round fails by wrong data, an ECC error of either kind, or a reset that does not bring the card back; one failed round
fails the run. -skip_val leaves out the counters, -skip_rst the reset.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from hl_qual.findings import Finding
from hl_qual.outcome import Outcome, Retest, judge
from hl_qual.plugins.memory_bench import MemoryBench

if TYPE_CHECKING:
    from hl_qual.plugins.api import RunContext
    from hlml.types import DeviceSnapshot

__all__ = ["Round", "run_rounds"]

# What one round does: the bench, its number from 0, and a call with the share of it that is done.
Round = Callable[[MemoryBench, int, Callable[[float], None]], None]


def run_rounds(ctx: RunContext, one: Round) -> Outcome:
    """As many rounds as -i says, at least one."""
    import hlml
    from device.memory import Pattern, PatternKind

    rounds = ctx.job.iterations or 1
    bench = MemoryBench(ctx)
    findings: list[Finding] = []
    retests: tuple[Retest, ...] = ()
    resets = 0
    hlml.init()
    try:
        device = hlml.devices()[ctx.job.device_index]
        for number in range(rounds):
            before = device.snapshot()
            one(bench, number, lambda share, done=number: ctx.progress((done + share) / rounds))  # type: ignore[misc]
            after = device.snapshot()
            ctx.log(f"round {number + 1} of {rounds}: {_verdict(bench, before, after)}")
            if bench.has_errors:
                pattern = Pattern(PatternKind.RANDOM, ctx.job.seed)
                retests += bench.retested(pattern, int(ctx.job.limits["retests"]))
            if "-skip_val" not in ctx.job.switches:
                findings += _ecc_findings(before, after)
            if "-skip_rst" not in ctx.job.switches:
                findings += _reset(ctx, device.snapshot)
                resets += 1
    finally:
        hlml.shutdown()
    findings += bench.findings() + bench.slow_findings("HBM_BANDWIDTH", "HBM")
    outcome = judge(tuple(_once(findings)), bench.metrics(), bench.coverage(), retests)
    return replace(outcome, own_resets=resets)


def _verdict(bench: MemoryBench, before: DeviceSnapshot, after: DeviceSnapshot) -> str:
    corrected, uncorrected = _ecc(before, after)
    data = "wrong data" if bench.has_errors else "data right"
    return f"{data}, ECC errors corrected {corrected}, uncorrected {uncorrected}"


def _ecc(before: DeviceSnapshot, after: DeviceSnapshot) -> tuple[int, int]:
    """Errors of HBM and SRAM in between, by the counters that no reset touches."""
    corrected = uncorrected = 0
    for first, last in ((before.ecc_hbm, after.ecc_hbm), (before.ecc_sram, after.ecc_sram)):
        corrected += last.corrected_aggregate - first.corrected_aggregate
        uncorrected += last.uncorrected_aggregate - first.uncorrected_aggregate
    return corrected, uncorrected


def _ecc_findings(before: DeviceSnapshot, after: DeviceSnapshot) -> list[Finding]:
    found = []
    for code, name, count in zip(
        ("ECC_CORRECTED", "ECC_UNCORRECTED"), ("corrected", "uncorrected"), _ecc(before, after), strict=True
    ):
        if count:
            errors = "error" if count == 1 else "errors"
            found.append(Finding(code, f"{count} {name} ECC {errors} in a round", actual=str(count), limit="0"))
    return found


def _reset(ctx: RunContext, snapshot: Callable[[], DeviceSnapshot]) -> list[Finding]:
    """Reset the card and look whether it is back, once."""
    assert ctx.card is not None
    count = snapshot().reset_count
    ctx.card.reset()
    after = snapshot()
    if after.is_operational and after.reset_count == count + 1:
        return []
    actual = f"{after.status}, {after.reset_count - count} resets"
    return [Finding("RESET_INCOMPLETE", "the card is not as it should be after the reset of a round", actual=actual)]


def _once(findings: list[Finding]) -> list[Finding]:
    """What several rounds have found alike."""
    return list(dict.fromkeys(findings))
