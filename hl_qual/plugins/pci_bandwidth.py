"""pci_bw (-p): download (host to card) and upload (card to host) for -t seconds each, with -b both at once too.

The real tool's words: its download goes to the device. Limits are the line rate of the link less the allowed loss, by
-gen and -lanes or by what the card can do. Whatever the -size, the traffic goes through a window of the host's memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hl_qual.findings import Finding
from hl_qual.outcome import Outcome, judge
from hl_qual.plugins.link_limits import link_limit
from hl_qual.plugins.memory_bench import GIGA, MemoryBench

if TYPE_CHECKING:
    from hl_qual.plugins.api import Preparation, RunContext

__all__ = ["PciBandwidth"]

_WINDOW_BYTES = 64 << 20
_DEFAULT_BYTES = 1 << 30


class PciBandwidth:
    """The plugin."""

    name = "pci_bw"
    title = "PCI bandwidth"
    default_duration_s = 20.0  # of a sub-test; in use by published scripts
    needs_card = True

    def rounds(self, switches: Mapping[str, str | None], iterations: int | None) -> int:
        """The duration is that of one sub-test."""
        return 3 if "-b" in switches else 2

    def prepare(self, preparation: Preparation) -> tuple[str, ...]:
        """Nothing is shared."""
        return (f"seed {preparation.seed}",)

    def init(self, ctx: RunContext) -> None:
        """Say what will be measured."""
        size = ctx.job.switches.get("-size") or _DEFAULT_BYTES
        ctx.log(f"{self.rounds(ctx.job.switches, None)} sub-tests; {size} bytes in pieces of {_WINDOW_BYTES}")

    def run(self, ctx: RunContext) -> Outcome:
        """One sub-test after the other, each for its time."""
        from device.runtime import MemorySpace
        from hl_qual.plugins.host_link import HostLink

        bench = MemoryBench(ctx)
        limit = link_limit(ctx.job.switches, bench.card.spec.pcie, ctx.job.limits)
        link = HostLink(bench, _WINDOW_BYTES, ctx.job.seed, MemorySpace.HBM)
        tests = [("Download: Host ==> Device", "download", link.upload, 1)]
        tests.append(("Upload: Host <== Device", "upload", link.download, 1))
        if "-b" in ctx.job.switches:
            tests.append(("Bidirectional", "bidirectional", link.both, 2))
        duration_ns = ctx.job.duration_s * 1e9 / len(tests)
        findings: list[Finding] = []
        for number, (title, metric, run, directions) in enumerate(tests):
            begin_ns, slowest, elapsed_ns = ctx.box_time_ns(), float("inf"), 0
            while elapsed_ns == 0 or elapsed_ns < duration_ns:
                slowest = min(slowest, run(metric))
                elapsed_ns = ctx.box_time_ns() - begin_ns
                ctx.progress((number + min(elapsed_ns / duration_ns, 1.0)) / len(tests))
            if slowest < float("inf"):
                ctx.log(f"{title:<28} {slowest / GIGA:9.2f} GB/s")
                findings += limit.findings(title, slowest, directions)
        link.close()
        return judge(tuple(findings + bench.findings()), bench.metrics(), bench.coverage())
