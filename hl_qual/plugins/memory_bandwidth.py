"""memory_bw (-mb): bandwidth of copies between host, HBM and SRAM, and within the card by one and by all DMA channels.

Without a switch all sub-tests run; -memOnly, -pciOnly, -sramOnly and -pciall choose, and together they add up. Host
copies are judged by the line rate of the link less the allowed loss, copies within the card by calibrated limits.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from hl_qual.findings import Finding
from hl_qual.outcome import Outcome, judge
from hl_qual.plugins.link_limits import LinkLimit, link_limit
from hl_qual.plugins.memory_bench import GIGA, MemoryBench

if TYPE_CHECKING:
    from device.runtime import MemorySpace
    from hl_qual.plugins.api import Preparation, RunContext

__all__ = ["MemoryBandwidth", "chosen_parts"]

# Of the windows, and how often each sub-test repeats. The SRAM has room for a few buffers of 8 MiB on every card.
_HBM_BYTES = 32 << 20
_SRAM_BYTES = 8 << 20
_REPEATS = 6


def chosen_parts(switches: Collection[str]) -> tuple[str, ...]:
    """Of "pci", "sram" (both over the link) and "memory"."""
    parts = set()
    if "-pciOnly" in switches or "-pciall" in switches:
        parts.add("pci")
    if "-sramOnly" in switches or "-pciall" in switches:
        parts.add("sram")
    if "-memOnly" in switches:
        parts.add("memory")
    return tuple(part for part in ("pci", "sram", "memory") if part in parts or not parts)


class MemoryBandwidth:
    """The plugin."""

    name = "memory_bw"
    title = "memory bandwidth"
    default_duration_s = 45.0  # budgets of published scripts: 30 s for the memory, 15 s for the link
    needs_card = True

    def prepare(self, preparation: Preparation) -> tuple[str, ...]:
        """Nothing is shared."""
        return (f"seed {preparation.seed}",)

    def init(self, ctx: RunContext) -> None:
        """Say what will be measured."""
        ctx.log(f"parts: {', '.join(chosen_parts(ctx.job.switches))}")

    def run(self, ctx: RunContext) -> Outcome:
        """All sub-tests, one after the other."""
        from device.runtime import MemorySpace
        from device.spec import SramKind

        bench = MemoryBench(ctx)
        limit = link_limit(ctx.job.switches, bench.card.spec.pcie, ctx.job.limits)
        parts = chosen_parts(ctx.job.switches)
        has_sram = bench.card.spec.sram.kind is SramKind.SCRATCHPAD
        findings: list[Finding] = []
        if "pci" in parts:
            findings += _link_tests(ctx, bench, limit, MemorySpace.HBM)
        ctx.progress(0.4)
        if "sram" in parts and has_sram:
            findings += _link_tests(ctx, bench, limit, MemorySpace.SRAM)
        ctx.progress(0.6)
        if "memory" in parts:
            _memory_tests(ctx, bench, has_sram)
        if not has_sram:
            ctx.log(f"a {bench.card.spec.name} has no SRAM with addresses: there is nothing to copy to and from it")
        findings += bench.slow_findings("HBM_BANDWIDTH", "DMA")
        return judge(tuple(findings + bench.findings()), bench.metrics(), bench.coverage())


def _link_tests(ctx: RunContext, bench: MemoryBench, limit: LinkLimit, space: MemorySpace) -> list[Finding]:
    from device.runtime import MemorySpace
    from hl_qual.plugins.host_link import HostLink

    name = space.name
    is_hbm = space is MemorySpace.HBM
    link = HostLink(bench, _HBM_BYTES if is_hbm else _SRAM_BYTES, ctx.job.seed, space)
    has_both = "-b" in ctx.job.switches or chosen_parts(ctx.job.switches) == ("pci", "sram", "memory")
    tests = [
        (f"HOST ==> {name}", f"host_to_{space}", link.upload, 1),
        (f"{name} ==> HOST", f"{space}_to_host", link.download, 1),
    ]
    if has_both:
        tests.append((f"{name} <==> HOST", f"{space}_and_host", link.both, 2))
    findings: list[Finding] = []
    for title, metric, run, directions in tests:
        slowest = min(run(metric) for _ in range(_REPEATS))
        if slowest < float("inf"):
            ctx.log(_line(title, slowest))
            findings += limit.findings(title, slowest, directions)
    link.close()
    return findings


def _memory_tests(ctx: RunContext, bench: MemoryBench, has_sram: bool) -> None:
    """Every copy is checked: the noise must have arrived."""
    from device.memory import Pattern, PatternKind
    from device.runtime import MemorySpace

    card, pattern = bench.card, Pattern(PatternKind.RANDOM, ctx.job.seed)
    routes = [("HBM", "HBM")]
    if has_sram:
        routes += [("SRAM", "HBM"), ("HBM", "SRAM")]
    for source_name, target_name in routes:
        size = _HBM_BYTES if source_name == target_name == "HBM" else _SRAM_BYTES
        source, target = (card.malloc(size, MemorySpace[name]) for name in (source_name, target_name))
        card.fill(source, pattern).result()
        for title, channels in (("single", 1), ("multi", None)):
            metric = f"{source_name}_to_{target_name}_{title}".lower()
            for _ in range(_REPEATS):
                if bench.copied(metric, target, source, channels=channels):
                    bench.check(target, pattern, origin=source)
        for title in ("single", "multi"):
            metric = f"{source_name}_to_{target_name}_{title}".lower()
            rate = {each.name: each.value for each in bench.metrics()}.get(metric)
            if rate is not None:
                ctx.log(_line(f"{source_name} ==> {target_name} {title} DMA", rate * GIGA))
        card.free(source)
        card.free(target)


def _line(title: str, rate: float) -> str:
    return f"{title:<26} {rate / GIGA:9.2f} GB/s"
