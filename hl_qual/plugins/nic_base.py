"""-nic_base -test_type ...: the serdes base test. Which ports talk to which, and what is measured, is the test type's.

  pairs      all pairs of cards, all internal ports at once, both directions, every message compared
  bandwidth  one pair of cards after the other (each card in one pair at a time), all links of the pair, both directions
  dir_bw     one card sends to all others, then the next one
  allgather  every card sends its part to all others; an epoch is -i of them
  allreduce  every card sums one part of all cards, compares the sum and sends it to all; an epoch is -i of them
  loopback   external ports with a loopback plug, every message compared (ext_pairs is an older name for it)

A card fails if a peer does not answer, if data that is compared differ, or if a link is down, flaps or loses packets.
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
    port_lines,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hl_qual.plugins.api import Preparation, RunContext

__all__ = ["NicBase"]

# The real tool's buffer has 128 MiB; the host moves every byte, so ours is smaller unless -sz asks for more.
DEFAULT_BYTES = 4 << 20
_DEFAULT_ITERATIONS = 50
_DEFAULT_EPOCHS = 10
_LARGEST_MESSAGE = 1 << 20
_CHECKED = ("pairs", "loopback", "ext_pairs")
_LOOPBACKS = ("loopback", "ext_pairs")
_WITH_EPOCHS = ("allgather", "allreduce")


class NicBase:
    """The plugin; its state lives from `init` to `run` in one runner."""

    name = "nic_base"
    title = "serdes base test"
    default_duration_s = 600.0
    needs_card = True

    def prepare(self, preparation: Preparation) -> tuple[str, ...]:
        """The runners find each other in the run's directory."""
        kind = preparation.switches.get("-test_type")
        if kind is None:
            raise ValueError("-nic_base needs -test_type, for example -test_type pairs")
        return (f"test type {kind}, seed {preparation.seed}",)

    def init(self, ctx: RunContext) -> None:
        """Queue pairs and buffers; the other cards learn of them."""
        from hl_qual.plugins.nic_links import Links
        from hl_qual.plugins.nic_ports import PortReader, down_findings, usable_ports
        from hl_qual.plugins.nic_ranks import Ranks

        self._kind = ctx.job.switches.get("-test_type") or "pairs"
        self._iterations = ctx.job.iterations or _DEFAULT_ITERATIONS
        self._epochs = int(ctx.job.switches.get("-ep") or _DEFAULT_EPOCHS)
        self._reader = PortReader(ctx.job.device_index)
        is_loopback = self._kind in _LOOPBACKS
        up, down = usable_ports(self._reader.first, ctx.job, externals=is_loopback)
        self._findings: list[Finding] = [] if is_loopback else down_findings(down)
        self._ranks = Ranks(ctx)
        chosen = [port.port for port in up if port.is_external == is_loopback]
        if is_loopback and not chosen:
            self._findings.append(_no_plug(ctx))
        size = _message_size(ctx, len(chosen))
        self._links = Links(ctx, size)
        for port in chosen:
            self._links.add(port, is_loopback=is_loopback)
        self._ranks.publish(self._links.endpoints())
        ctx.log(f"{len(chosen)} ports, messages of {size} bytes, {self._iterations} iterations")

    def run(self, ctx: RunContext) -> Outcome:
        """Connect, run the type, judge."""
        from hl_qual.plugins.nic_ports import result_of
        from hl_qual.plugins.nic_ranks import join

        begin_ns = ctx.box_time_ns()

        def look(share: float = 0.0) -> None:
            ctx.progress(share)

        alone = [] if self._kind in _LOOPBACKS else join(ctx, self._links, self._ranks, look)
        if self._kind in _LOOPBACKS:
            self._links.connect({})
        extra = self._execute(ctx, look)
        box_s = (ctx.box_time_ns() - begin_ns) / 1e9
        results = [result_of(self._links, link, self._reader) for link in self._links.links]
        for line in port_lines(results):
            ctx.log(line)
        limits = ctx.job.limits
        findings = [*self._findings, *alone, *data_findings(results), *error_findings(results, limits)]
        findings += bandwidth_findings(results, limits["min_port_bandwidth"])
        metrics = (*bandwidth_metric(results, box_s, limits["min_port_bandwidth"]), *extra, *error_metrics(results))
        self._ranks.close()
        coverage = coverage_of(results) if self._kind in _CHECKED else None
        return judge(tuple(findings), metrics if results else (), coverage)

    def _execute(self, ctx: RunContext, look: Callable[[float], None]) -> tuple[Metric, ...]:
        from hl_qual.plugins import nic_collectives as collectives
        from hl_qual.plugins.nic_traffic import exchange

        links, ranks, iterations = self._links, self._ranks, self._iterations
        if self._kind in _CHECKED:
            state = {"least": 0}

            def is_enough(_link: object, sent: int) -> bool:
                state["least"] = max(state["least"], sent)
                return sent >= iterations - 1

            exchange(links, is_enough, lambda: look(state["least"] / iterations))
            return ()
        if self._kind == "bandwidth":
            return collectives.pair_after_pair(links, ranks, iterations, look)
        if self._kind == "dir_bw":
            return collectives.one_sender(links, ranks, iterations, look)
        is_gather = self._kind == "allgather"
        step = collectives.all_gather if is_gather else collectives.AllReduce(links, ctx.job.seed)
        return collectives.epochs(links, ranks, (self._epochs, iterations), step, look)


def _message_size(ctx: RunContext, ports: int) -> int:
    """-sz is the card's buffer, which its links share; a multiple of 4 for sums of fp32."""
    total = int(ctx.job.switches.get("-sz") or DEFAULT_BYTES)
    return max(min(total // max(ports, 1), _LARGEST_MESSAGE) & ~3, 4)


def _no_plug(ctx: RunContext) -> Finding:
    text = "no external port of this card has a loopback plug; plug one, or leave out this test type"
    return Finding("NIC_NO_PEER", text, engine="NIC", expected="an external port that is up", actual="none")
