"""-s, power stress: an equal load for the whole time, near the power limit (-l extreme) or below it (-l high, default).

Passes if every checked result of the MME is right bit for bit, the last one included, the mean 54 V power reaches the
documented window of the level, and the card never throttles for heat (that is judged from the telemetry, as for every
test). A slow card draws too little, a hot one throttles, a faulty MME miscalculates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hl_qual.distribution import Distribution
from hl_qual.findings import Finding
from hl_qual.outcome import Metric, Outcome, judge
from hl_qual.plugins.power_judge import power_findings, starved_share
from hl_qual.plugins.power_meter import PowerMeter, PowerSpan

if TYPE_CHECKING:
    from hl_qual.plugins.api import Preparation, RunContext
    from hl_qual.plugins.matmul_bench import Bench
    from hl_qual.plugins.power_load import Load

__all__ = ["PowerStress"]

_WITHOUT_EFFECT = ("-Tw", "-Ts", "-sync", "-inc_power")


class PowerStress:
    """The plugin; its state lives from `init` to `run` in one runner."""

    name = "power_stress"
    title = "power stress"
    default_duration_s = 120.0
    needs_card = True

    def prepare(self, preparation: Preparation) -> tuple[str, ...]:
        """Compile the level's recipe and compute its golden results."""
        from hl_qual.plugins.power_levels import level_of, prepare_levels

        return prepare_levels(preparation, [level_of(preparation.switches)])

    def init(self, ctx: RunContext) -> None:
        """Load recipe and golden results, place the operands in device memory."""
        from hl_qual.plugins.matmul_bench import Bench
        from hl_qual.plugins.power_levels import level_directory, level_of, shape_of
        from hl_qual.plugins.power_load import SLOTS

        self._level = level_of(ctx.job.switches)
        directory = level_directory(ctx.job.directory, self._level)
        self._bench = Bench(ctx, shape_of(ctx.job.family, self._level), directory, SLOTS)
        ctx.log(f"level {self._level}: {self._bench.shape}, seed {ctx.job.seed}")
        ctx.log(f"executed by {self._bench.notes['executing']}, golden results by {self._bench.notes['golden']}")
        idle = [switch for switch in _WITHOUT_EFFECT if switch in ctx.job.switches]
        if idle:
            ctx.log(f"without effect in this test: {' '.join(idle)}")

    def run(self, ctx: RunContext) -> Outcome:
        """Load until the time is up, then judge."""
        from hl_qual.golden.checker import Checker
        from hl_qual.golden.checksums import tile_checksums
        from hl_qual.plugins.matmul_bench import mismatch_findings
        from hl_qual.plugins.power_load import Load

        checker = Checker(self._bench.golden, tile_checksums)
        load = Load([self._bench], checker)
        measured = _stress(ctx, self._bench, load)
        tally = checker.close()
        findings, retests = mismatch_findings(ctx, [self._bench], tally)
        findings += _findings(self._level, measured, ctx)
        metrics = _metrics(measured, load, ctx.job.limits[f"{self._level}_min_power"])
        return judge(tuple(findings), metrics, load.coverage(tally), retests)


@dataclass(frozen=True, slots=True)
class _Measured:
    """`span` is None if the test was too short."""

    span: PowerSpan | None
    clock_mhz: Distribution


def _stress(ctx: RunContext, bench: Bench, load: Load) -> _Measured:
    meter = PowerMeter(bench.card.read, ctx.job.limits["settle_time"])
    clock_mhz = Distribution()
    begin_ns = ctx.box_time_ns()
    duration_ns = round(ctx.job.duration_s * 1e9)

    def look() -> int:
        meter.sample()
        clock_mhz.add(bench.card.read().clock_soc_mhz)
        now_ns = ctx.box_time_ns()
        ctx.progress((now_ns - begin_ns) / duration_ns)
        return now_ns

    meter.begin(lambda: load.busy_s)
    load.run(0, begin_ns + duration_ns, look)
    return _Measured(meter.end(), clock_mhz)


def _findings(level: str, measured: _Measured, ctx: RunContext) -> list[Finding]:
    clock = (measured.clock_mhz.minimum, measured.clock_mhz.maximum)
    return power_findings(level, [measured.span], clock, ctx.job.limits)


def _metrics(measured: _Measured, load: Load, limit_w: float) -> tuple[Metric, ...]:
    span, clock = measured.span, measured.clock_mhz
    if span is None:
        return ()
    return (
        Metric("mean_power", span.mean_w, "W", "box", "measured", limit=limit_w),
        Metric("lowest_power", span.minimum_w, "W", "box", "measured"),
        Metric("highest_power", span.maximum_w, "W", "box", "measured"),
        Metric("peak_power", span.peak_w, "W", "box", "measured"),
        Metric("soc_clock", clock.median, "MHz", "device", "model", clock.minimum, clock.median, clock.maximum),
        Metric("starved_share", starved_share([span]), "ratio", "box", "measured"),
        Metric("launches", load.launches, "launches", "box", "measured"),
    )
