"""-e, EDP stress: power in pulses, -Tw seconds of work and -Ts seconds of idling, for the time of the test.

-l extreme, high (default) or inc_power, whose pulses rise from level to level. With -sync the rising edges of all cards
come together. Passes if all pulses came, every checked result is right bit for bit (the last of each pulse included),
the mean 54 V power of the work phases reaches the window of its level, and the card never throttles for heat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hl_qual.outcome import Outcome, judge

if TYPE_CHECKING:
    from hl_qual.plugins.api import Preparation, RunContext

__all__ = ["EdpStress", "PulsePlan", "pulse_plan"]

_WORK_S = 2
_IDLE_S = 3


@dataclass(frozen=True, slots=True)
class PulsePlan:
    """Box seconds of the phases, and what each pulse runs: `levels` are indices into `names`."""

    work_s: int
    idle_s: int
    names: tuple[str, ...]
    levels: tuple[int, ...]


def pulse_plan(switches: Mapping[str, str | None], duration_s: float) -> PulsePlan:
    """ValueError if not a single pulse fits into the duration."""
    from hl_qual.plugins.power_levels import INCREASING, level_of, step_of

    work_s, idle_s = int(switches.get("-Tw") or _WORK_S), int(switches.get("-Ts") or _IDLE_S)
    pulses = int(duration_s // (work_s + idle_s))
    if pulses == 0:
        raise ValueError(f"-t {duration_s:g} is shorter than one pulse: {work_s} s of work and {idle_s} s of idling")
    if "-inc_power" in switches or switches.get("-l") == "inc_power":
        return PulsePlan(work_s, idle_s, INCREASING, tuple(step_of(pulse, pulses) for pulse in range(pulses)))
    return PulsePlan(work_s, idle_s, (level_of(switches),), (0,) * pulses)


class EdpStress:
    """The plugin; its state lives from `init` to `run` in one runner."""

    name = "edp_stress"
    title = "power pulses (EDP)"
    default_duration_s = 120.0
    needs_card = True

    def prepare(self, preparation: Preparation) -> tuple[str, ...]:
        """Compile the recipes of the levels and compute their golden results."""
        from hl_qual.plugins.power_levels import prepare_levels

        plan = pulse_plan(preparation.switches, preparation.duration_s or self.default_duration_s)
        return prepare_levels(preparation, plan.names)

    def init(self, ctx: RunContext) -> None:
        """Load recipes and golden results, place the operands in device memory."""
        from hl_qual.plugins.edp_barrier import Barrier
        from hl_qual.plugins.matmul_bench import Bench
        from hl_qual.plugins.power_levels import level_directory, shape_of
        from hl_qual.plugins.power_load import SLOTS

        job = ctx.job
        self._plan = pulse_plan(job.switches, job.duration_s)
        stream = None if ctx.card is None else ctx.card.create_stream()
        shapes = {name: shape_of(job.family, name) for name in self._plan.names}
        self._benches = [
            Bench(ctx, shape, level_directory(job.directory, name), SLOTS, stream) for name, shape in shapes.items()
        ]
        is_synchronous = "-sync" in job.switches and job.ranks > 1
        self._barrier = Barrier(Path(job.directory), job.rank, job.ranks) if is_synchronous else None
        for name, shape in shapes.items():
            ctx.log(f"level {name}: {shape}, seed {job.seed}")
        if "-sync" in job.switches and not is_synchronous:
            ctx.log("without effect in this run: -sync (no other card is tested at the same time)")
        together = f", rising edges of {job.ranks} cards together" if is_synchronous else ""
        ctx.log(f"{len(self._plan.levels)} pulses of {self._plan.work_s} s, {self._plan.idle_s} s idle{together}")

    def run(self, ctx: RunContext) -> Outcome:
        """All pulses, then judge."""
        from hl_qual.golden.checker import Checker
        from hl_qual.golden.checksums import tile_checksums
        from hl_qual.plugins.edp_pulses import run_pulses
        from hl_qual.plugins.edp_results import pulse_findings, pulse_metrics
        from hl_qual.plugins.matmul_bench import mismatch_findings
        from hl_qual.plugins.power_load import Load

        golden = [golden for bench in self._benches for golden in bench.golden]
        checker = Checker(golden, tile_checksums)
        load = Load(self._benches, checker)
        results = run_pulses(ctx, self._plan, load, self._barrier)
        tally = checker.close()
        findings, retests = mismatch_findings(ctx, self._benches, tally)
        findings += pulse_findings(self._plan, results, ctx.job.limits)
        metrics = pulse_metrics(self._plan, results, ctx.job.limits)
        return judge(tuple(findings), metrics, load.coverage(tally), retests)
