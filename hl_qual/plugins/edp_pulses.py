"""The pulses of one card: work, idle, again; with -sync each rising edge waits for the other cards.

Phases are measured in box time from the moment the plan begins. A card that comes late to an edge (a slow host, a peer)
keeps the lengths of its phases; the number of pulses is fixed, so the test ends later instead.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hl_qual.distribution import Distribution
from hl_qual.plugins.power_meter import PowerMeter, PowerSpan

if TYPE_CHECKING:
    from hl_qual.plugins.api import RunContext
    from hl_qual.plugins.edp_barrier import Barrier
    from hl_qual.plugins.edp_stress import PulsePlan
    from hl_qual.plugins.power_load import Load

__all__ = ["Pulse", "Pulses", "run_pulses"]

_POLL_S = 0.002


@dataclass(frozen=True, slots=True)
class Pulse:
    """One pulse; a span is None if its phase was too short to be measured."""

    level: int
    work: PowerSpan | None
    idle: PowerSpan | None


@dataclass(frozen=True, slots=True)
class Pulses:
    """All pulses of a card. `skew_ns` is empty without -sync, `lost_peers` counts runners that died meanwhile."""

    pulses: tuple[Pulse, ...]
    clock_mhz: Distribution
    skew_ns: Distribution
    lost_peers: int


def run_pulses(ctx: RunContext, plan: PulsePlan, load: Load, barrier: Barrier | None) -> Pulses:
    """Carry out the plan."""
    train = _Train(ctx, plan, load, barrier)
    pulses = [train.pulse(number, level) for number, level in enumerate(plan.levels)]
    train.meet(len(plan.levels))
    if barrier is not None:
        barrier.close()
    return Pulses(tuple(pulses), train.clock_mhz, train.skew_ns, train.lost_peers)


class _Train:
    def __init__(self, ctx: RunContext, plan: PulsePlan, load: Load, barrier: Barrier | None) -> None:
        if ctx.card is None:
            raise RuntimeError("edp_stress needs a card")
        self._ctx = ctx
        self._card = ctx.card
        self._plan = plan
        self._load = load
        self._barrier = barrier
        self._meter = PowerMeter(self._card.read, ctx.job.limits["settle_time"])
        self._whole_s = len(plan.levels) * (plan.work_s + plan.idle_s)
        self._begin_ns = ctx.box_time_ns()
        self.clock_mhz = Distribution()
        self.skew_ns = Distribution()
        self.lost_peers = 0

    def meet(self, edge: int) -> None:
        """Wait for the others; then the skew of the edge before this one is known."""
        if self._barrier is None:
            return
        for rank in self._barrier.wait(edge, self._progress):
            self.lost_peers += 1
            self._ctx.log(f"runner {rank} has ended early, pulse {edge} and later ones go on without it")
        if edge > 0:
            self.skew_ns.add(float(self._barrier.skew_ns(edge - 1)))

    def pulse(self, number: int, level: int) -> Pulse:
        """One rising edge, its work and its idling."""
        self.meet(number)
        edge_ns = self._ctx.box_time_ns()
        if self._barrier is not None:
            self._barrier.note_edge(number, edge_ns)
        self._meter.begin(lambda: self._load.busy_s)
        self._load.run(level, edge_ns + self._plan.work_s * 10**9, self._look_at_work)
        work = self._meter.end()
        idle_end_ns = self._ctx.box_time_ns() + self._plan.idle_s * 10**9
        self._meter.begin()
        while self._look() < idle_end_ns:
            time.sleep(_POLL_S)
        idle = self._meter.end()
        self._log(number, level, work, idle)
        return Pulse(level, work, idle)

    def _look_at_work(self) -> int:
        self.clock_mhz.add(self._card.read().clock_soc_mhz)
        return self._look()

    def _look(self) -> int:
        """Sample, tell how far it is; box time."""
        self._meter.sample()
        self._progress()
        return self._ctx.box_time_ns()

    def _progress(self) -> None:
        self._ctx.progress((self._ctx.box_time_ns() - self._begin_ns) / 1e9 / self._whole_s)

    def _log(self, number: int, level: int, work: PowerSpan | None, idle: PowerSpan | None) -> None:
        texts = [f"{name} {_shown(span)}" for name, span in (("work", work), ("idle", idle))]
        self._ctx.log(f"pulse {number + 1} {self._plan.names[level]}: {', '.join(texts)}")


def _shown(span: PowerSpan | None) -> str:
    if span is None:
        return "not measured"
    return f"{span.mean_w:.0f} W ({span.minimum_w:.0f} to {span.maximum_w:.0f}, peak {span.peak_w:.0f})"
