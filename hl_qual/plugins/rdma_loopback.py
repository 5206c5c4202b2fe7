"""rdma_loopback: every port of a card by itself, RDMA messages that turn round at the far end of the cable.

For each port bandwidth, latency, bit errors and retransmissions, and every message compared with what was sent. Needs
no other card, so it says which card and port are at fault. A link that is down, flaps, has bit errors or loses packets
fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hl_qual.findings import Finding
from hl_qual.outcome import Metric, Outcome, judge
from hl_qual.plugins.nic_judge import (
    bandwidth_findings,
    bandwidth_metric,
    coverage_of,
    data_findings,
    error_findings,
    error_metrics,
    latency_findings,
    port_lines,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hl_qual.plugins.api import Preparation, RunContext
    from hl_qual.plugins.nic_judge import PortResult

__all__ = ["RdmaLoopback"]

# Large enough that the way there and back, some 2 us, does not matter beside the 80 us that a message takes.
MESSAGE_BYTES = 1 << 20
_LATENCY_PROBES = 20


class RdmaLoopback:
    """The plugin; its state lives from `init` to `run` in one runner."""

    name = "rdma_loopback"
    title = "RDMA loopback on every port"
    default_duration_s = 10.0
    needs_card = True

    def prepare(self, preparation: Preparation) -> tuple[str, ...]:
        """Nothing is shared between the cards."""
        return (f"messages of {MESSAGE_BYTES >> 10} KiB, two data sets a port, seed {preparation.seed}",)

    def init(self, ctx: RunContext) -> None:
        """Queue pairs and buffers on every port that is up."""
        from hl_qual.plugins.nic_links import Links
        from hl_qual.plugins.nic_ports import PortReader, down_findings, usable_ports

        self._reader = PortReader(ctx.job.device_index)
        up, down = usable_ports(self._reader.first, ctx.job, externals=True)
        self._findings: list[Finding] = down_findings(down)
        self._links = Links(ctx, MESSAGE_BYTES)
        for port in up:
            self._links.add(port.port, is_loopback=True)
        self._links.connect({})
        ctx.log(f"ports {', '.join(str(port.port) for port in up) or 'none'}")

    def run(self, ctx: RunContext) -> Outcome:
        """Latency first, then messages on all ports at once until the time is up."""
        from hl_qual.plugins.nic_ports import result_of
        from hl_qual.plugins.nic_traffic import exchange, probe_latency

        begin_ns = ctx.box_time_ns()
        end_ns = begin_ns + round(ctx.job.duration_s * 1e9)
        for link in self._links.links:
            probe_latency(self._links, link, _LATENCY_PROBES)

        def look() -> None:
            ctx.progress((ctx.box_time_ns() - begin_ns) / max(end_ns - begin_ns, 1))

        exchange(self._links, lambda link, sent: sent > 0 and ctx.box_time_ns() >= end_ns, look)
        box_s = (ctx.box_time_ns() - begin_ns) / 1e9
        results = [result_of(self._links, link, self._reader) for link in self._links.links]
        for line in port_lines(results):
            ctx.log(line)
        limits = ctx.job.limits
        findings = [*self._findings, *data_findings(results), *error_findings(results, limits)]
        findings += bandwidth_findings(results, limits["min_port_bandwidth"])
        findings += latency_findings(results, limits["max_latency"])
        metrics = (
            *bandwidth_metric(results, box_s, limits["min_port_bandwidth"]),
            *_latency_metric(results),
            *error_metrics(results),
        )
        return judge(tuple(findings), metrics if results else (), coverage_of(results))


def _latency_metric(results: Sequence[PortResult]) -> tuple[Metric, ...]:
    latencies = sorted(result.latency_us for result in results if result.latency_us is not None)
    if not latencies:
        return ()
    median = latencies[len(latencies) // 2]
    return (Metric("port_latency", median, "us", "device", "model", latencies[0], median, latencies[-1]),)
