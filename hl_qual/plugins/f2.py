"""-f2, functional test 2, the full chip: MME, TPC, DMA and HBM work at the same time, every result is checked.

A round starts one piece of work on each stream: a multiplication (MME), an elementwise chain (TPC), a pattern that the
DMA writes, copies and reads back over PCIe, and that the TPC reads from the HBM. Then all is compared bit for bit.
Passes if everything is right, the last round included, and the MME reaches its share of the peak beside the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hl_qual.findings import Finding
from hl_qual.outcome import Coverage, Metric, Outcome, judge

if TYPE_CHECKING:
    from hl_qual.plugins.api import Preparation, RunContext
    from hl_qual.plugins.f2_loads import Loads

__all__ = ["FunctionalTest"]


class FunctionalTest:
    """The plugin; its state lives from `init` to `run` in one runner."""

    name = "f2"
    title = "functional test 2 (the full chip)"
    default_duration_s = 240.0
    needs_card = True

    def prepare(self, preparation: Preparation) -> tuple[str, ...]:
        """Compile both recipes and compute their golden results. ValueError for what cannot be tested."""
        from hl_qual.plugins.f2_loads import prepare_loads

        if "-serdes" in preparation.switches:
            raise ValueError("-serdes (traffic on the ports) is not available in this test yet; leave it out")
        return prepare_loads(preparation)

    def init(self, ctx: RunContext) -> None:
        """Load recipes and golden results, place operands and buffers in device memory."""
        from hl_qual.plugins.f2_loads import Loads

        self._loads = Loads(ctx, Path(ctx.job.directory))
        for line in self._loads.describe():
            ctx.log(line)
        ignored = [switch for switch in ("-d",) if switch in ctx.job.switches]
        if ignored:
            ctx.log(f"without effect: {' '.join(ignored)}")

    def run(self, ctx: RunContext) -> Outcome:
        """Rounds until the time is up, then judge."""
        loads = self._loads
        begin_ns = ctx.box_time_ns()
        duration_ns = ctx.job.duration_s * 1e9
        while True:
            loads.round()
            elapsed_ns = ctx.box_time_ns() - begin_ns
            ctx.progress(elapsed_ns / duration_ns)
            if elapsed_ns >= duration_ns:
                break
        is_validated = "-dis_val" not in ctx.job.switches
        findings = [*loads.findings(), *_rate_findings(loads, ctx.job.limits)]
        if not is_validated:
            ctx.log("-dis_val: results were not compared, so this run says nothing about them")
        coverage = None
        if is_validated:
            coverage = Coverage(loads.executed, loads.checked, loads.wrong, loads.checked == loads.executed)
        return judge(tuple(findings), _metrics(loads, ctx.job.limits), coverage, (), loads.series())


def _least_tflops(loads: Loads, limits: Mapping[str, float]) -> float:
    return limits[f"{loads.level}_min_share_of_peak"] * loads.peak_tflops


def _rate_findings(loads: Loads, limits: Mapping[str, float]) -> list[Finding]:
    least = _least_tflops(loads, limits)
    if loads.tflops >= least:
        return []
    share = 100 * loads.tflops / loads.peak_tflops
    message = f"{loads.tflops:.1f} TFLOPS beside the other engines are {share:.1f} % of the peak"
    actual, limit = f"{loads.tflops:.1f} TFLOPS", f"{least:.1f} TFLOPS"
    return [Finding("MME_THROUGHPUT", message, engine="MME", actual=actual, limit=limit)]


def _metrics(loads: Loads, limits: Mapping[str, float]) -> tuple[Metric, ...]:
    tflops, clock = loads.tflops_spread, loads.clock_mhz
    return (
        Metric(
            "mme_throughput",
            loads.tflops,
            "TFLOPS",
            "device",
            "model",
            tflops.minimum,
            tflops.median,
            tflops.maximum,
            _least_tflops(loads, limits),
            loads.dilation,
        ),
        Metric("copy_bandwidth", loads.copy_gbps, "GB/s", "device", "model"),
        Metric("mme_clock", clock.median, "MHz", "device", "model", clock.minimum, clock.median, clock.maximum),
        Metric("rounds", loads.rounds, "rounds", "box", "measured"),
    )
