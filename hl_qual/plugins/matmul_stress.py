"""matmul_stress: compiled bf16 multiplications without a pause, every result checked bit for bit.

Passes if every checked result is right, the last one included, and the executed time line reaches its share of the
peak at the MAXIMUM clock: a slow card, throttling or a stalled queue shows there. Two data sets, B and -B, make relu
hide no element: what one of them clips, the other one shows. Golden results come from another CPU variant of the
arithmetic than the one that executes, computed once for all cards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hl_qual.course import Course
from hl_qual.distribution import Distribution
from hl_qual.findings import Finding
from hl_qual.outcome import Coverage, Metric, Outcome, judge

if TYPE_CHECKING:
    from device.runtime import LaunchResult
    from hl_qual.golden.checker import Checker
    from hl_qual.plugins.api import Preparation, RunContext
    from hl_qual.plugins.matmul_bench import Bench

__all__ = ["MatmulStress"]

# Large enough that the HBM, whose power counts against the same limit, is busy for less than half of the time: on a hot
# card the clock then settles near 0.9 of its maximum, clear of the limit. Small enough for eight cards on two cores.
SIZE = 2048


class MatmulStress:
    """The plugin; its state lives from `init` to `run` in one runner."""

    name = "matmul_stress"
    title = "matrix multiplication stress"
    default_duration_s = 10.0
    needs_card = True

    def prepare(self, preparation: Preparation) -> tuple[str, ...]:
        """Compile the recipe and compute the golden results."""
        from hl_qual.plugins.matmul_workload import Shape, prepare_workload

        return prepare_workload(preparation, Shape(SIZE, SIZE, SIZE))

    def init(self, ctx: RunContext) -> None:
        """Load recipe and golden results, place the operands in device memory."""
        from hl_qual.plugins.matmul_bench import Bench
        from hl_qual.plugins.matmul_workload import SETS, Shape

        self._bench = Bench(ctx, Shape(SIZE, SIZE, SIZE), Path(ctx.job.directory), slots=2)
        ctx.log(f"shape {self._bench.shape}, seed {ctx.job.seed}, data sets {' '.join(SETS)}")
        ctx.log(f"executed by {self._bench.notes['executing']}, golden results by {self._bench.notes['golden']}")

    def run(self, ctx: RunContext) -> Outcome:
        """Launch until the time is up, then judge."""
        from hl_qual.golden.checker import Checker
        from hl_qual.golden.checksums import tile_checksums
        from hl_qual.plugins.matmul_bench import mismatch_findings

        checker = Checker(self._bench.golden, tile_checksums)
        measured = _stress(ctx, self._bench, checker)
        tally = checker.close()
        findings, retests = mismatch_findings(ctx, [self._bench], tally)
        findings += _throughput_findings(ctx, self._bench, measured)
        coverage = Coverage(
            executed=measured.launches,
            checked=tally.checked,
            mismatched=tally.mismatched,
            is_last_checked=tally.last_checked == measured.launches - 1,
        )
        return judge(
            tuple(findings),
            _metrics(self._bench, measured, ctx.job.limits),
            coverage,
            retests,
            (measured.course.series,),
        )


def _peak_tflops(bench: Bench) -> float:
    """All MACs busy at the maximum clock."""
    from device.spec import MmeType

    mme = bench.card.spec.mme
    return float(2 * mme.macs_per_cycle(MmeType.BF16) * mme.clock_mhz * 1e6 / 1e12)


class _Measured:
    """Sums over all launches."""

    def __init__(self) -> None:
        self.launches = 0
        self.flops = 0.0
        self.device_s = 0.0
        self.box_s = 0.0
        self.elapsed_s = 0.0
        self.tflops = Distribution()
        self.clock_mhz = Distribution()
        self.course = Course("mme_throughput", "TFLOPS")

    def add(self, result: LaunchResult, box_ns: int) -> None:
        """One more launch; a launch without device time is no measurement."""
        self.launches += 1
        self.flops += result.flops
        self.device_s += result.device_time_s
        self.box_s += result.box_time_s
        if result.device_time_s > 0:
            tflops = result.flops / result.device_time_s / 1e12
            self.tflops.add(tflops)
            self.course.add(box_ns, tflops)
        self.clock_mhz.add(result.clock_mhz)

    @property
    def mean_tflops(self) -> float | None:
        """Work over device time of the executed time line."""
        return None if self.device_s <= 0 else self.flops / self.device_s / 1e12


@dataclass(frozen=True, slots=True)
class _Pending:
    """A finished launch whose result still lies on the card."""

    number: int
    data_set: int
    slot: int


def _stress(ctx: RunContext, bench: Bench, checker: Checker) -> _Measured:
    """Back-to-back launches; the result of the former one is copied out while the next one executes."""
    measured = _Measured()
    begin_ns = ctx.box_time_ns()
    duration_ns = ctx.job.duration_s * 1e9
    former: _Pending | None = None
    elapsed_ns = 0
    while former is None or elapsed_ns < duration_ns:
        number = measured.launches
        pending = _Pending(number, number % 2, number % 2)
        launch = bench.launch(pending.data_set, pending.slot)
        if former is not None:
            _collect(bench, checker, former)
        bench.stream.synchronize()
        now_ns = ctx.box_time_ns()
        measured.add(launch.result(), now_ns)
        former = pending
        elapsed_ns = now_ns - begin_ns
        ctx.progress(elapsed_ns / duration_ns)
    measured.elapsed_s = elapsed_ns / 1e9
    _collect(bench, checker, former)
    return measured


def _collect(bench: Bench, checker: Checker, pending: _Pending) -> None:
    result = checker.take()
    bench.fetch(pending.slot, result)
    checker.submit(pending.number, pending.data_set, result)


def _throughput_findings(ctx: RunContext, bench: Bench, measured: _Measured) -> list[Finding]:
    actual = measured.mean_tflops
    if actual is None:
        return [Finding("NO_MEASUREMENT", "no launch took device time, so there is no throughput")]
    limit = _peak_tflops(bench) * ctx.job.limits["min_share_of_peak"]
    if actual >= limit:
        return []
    clock = f"clock {measured.clock_mhz.minimum:.0f} to {measured.clock_mhz.maximum:.0f} MHz"
    message = f"{actual:.1f} TFLOPS are {100 * actual / _peak_tflops(bench):.1f} % of the peak, {clock}"
    shown = f"{limit:.1f} TFLOPS"
    return [Finding("MME_THROUGHPUT", message, engine="MME", actual=f"{actual:.1f} TFLOPS", limit=shown)]


def _metrics(bench: Bench, measured: _Measured, limits: Mapping[str, float]) -> tuple[Metric, ...]:
    if measured.mean_tflops is None or measured.elapsed_s <= 0:
        return ()
    tflops, clock = measured.tflops, measured.clock_mhz
    return (
        Metric(
            name="mme_throughput",
            value=measured.mean_tflops,
            unit="TFLOPS",
            clock="device",
            basis="model",
            minimum=tflops.minimum,
            median=tflops.median,
            maximum=tflops.maximum,
            limit=_peak_tflops(bench) * limits["min_share_of_peak"],
            dilation=measured.box_s / measured.device_s,
        ),
        Metric("mme_clock", clock.median, "MHz", "device", "model", clock.minimum, clock.median, clock.maximum),
        Metric("host_throughput", measured.flops / measured.elapsed_s / 1e9, "GFLOPS", "box", "measured"),
        Metric("launches", measured.launches, "launches", "box", "measured"),
        Metric("launch_rate", measured.launches / measured.elapsed_s, "launches/s", "box", "measured"),
    )
