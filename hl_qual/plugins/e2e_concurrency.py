"""-e2e_concurrency: every port of every card carries messages at the same time, each checked where it arrives.

A port exchanges messages with the one that the cable leads to, in both directions at once; an external port with a
loopback plug with itself. Ports are judged one by one, so a bad link is named by both of its ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hl_qual.findings import Finding
from hl_qual.outcome import Outcome, judge
from hl_qual.plugins.nic_judge import (
    bandwidth_findings,
    bandwidth_metric,
    coverage_of,
    data_findings,
    error_findings,
    error_metrics,
    port_lines,
)

if TYPE_CHECKING:
    from hl_qual.plugins.api import Preparation, RunContext

__all__ = ["E2eConcurrency"]

MESSAGE_BYTES = 512 << 10


class E2eConcurrency:
    """The plugin; its state lives from `init` to `run` in one runner."""

    name = "e2e_concurrency"
    title = "end to end traffic on every port at once"
    default_duration_s = 30.0
    needs_card = True

    def prepare(self, preparation: Preparation) -> tuple[str, ...]:
        """The runners find each other in the run's directory."""
        return (f"messages of {MESSAGE_BYTES >> 10} KiB, two data sets a port, seed {preparation.seed}",)

    def init(self, ctx: RunContext) -> None:
        """Queue pairs and buffers on every port; the other cards learn of them."""
        from hl_qual.plugins.nic_links import Links
        from hl_qual.plugins.nic_ports import PortReader, down_findings, usable_ports
        from hl_qual.plugins.nic_ranks import Ranks

        self._reader = PortReader(ctx.job.device_index)
        up, down = usable_ports(self._reader.first, ctx.job, externals=True)
        self._findings: list[Finding] = down_findings(down)
        self._ranks = Ranks(ctx)
        self._links = Links(ctx, MESSAGE_BYTES)
        for port in up:
            self._links.add(port.port, is_loopback=port.is_external)
        self._ranks.publish(self._links.endpoints())

    def run(self, ctx: RunContext) -> Outcome:
        """Connect, then exchange until the time is up."""
        from hl_qual.plugins.nic_ports import result_of
        from hl_qual.plugins.nic_ranks import join
        from hl_qual.plugins.nic_traffic import exchange

        begin_ns = ctx.box_time_ns()
        end_ns = begin_ns + round(ctx.job.duration_s * 1e9)

        def look() -> None:
            ctx.progress((ctx.box_time_ns() - begin_ns) / max(end_ns - begin_ns, 1))

        alone = join(ctx, self._links, self._ranks, look)
        exchange(self._links, lambda link, sent: sent > 0 and ctx.box_time_ns() >= end_ns, look)
        box_s = (ctx.box_time_ns() - begin_ns) / 1e9
        results = [result_of(self._links, link, self._reader) for link in self._links.links]
        for line in port_lines(results):
            ctx.log(line)
        limits = ctx.job.limits
        findings = [*self._findings, *alone, *data_findings(results), *error_findings(results, limits)]
        findings += bandwidth_findings(results, limits["min_port_bandwidth"])
        metrics = (*bandwidth_metric(results, box_s, limits["min_port_bandwidth"]), *error_metrics(results))
        self._ranks.close()
        return judge(tuple(findings), metrics if results else (), coverage_of(results))
