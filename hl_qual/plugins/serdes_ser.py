"""-ser: symbol error rates of every port's receiver, before and after the FEC; -ber_enable adds the bit error rate.

Each port receives known amounts of its own traffic by loopback, in samples; between them the FEC's counters are read
through HLML. The mean over the samples and the worst of them are judged as the manual of the Gaudi 2E has it; after the
FEC nothing may be wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hl_qual.findings import Finding
from hl_qual.outcome import Metric, Outcome, judge
from hl_qual.plugins.nic_judge import coverage_of, data_findings, symbol_error_rate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hl_qual.plugins.api import Preparation, RunContext
    from hl_qual.plugins.nic_links import Link

__all__ = ["SerdesSer"]

# Eight samples of 2 MiB are 1.4e7 symbols a port: at the limit of 1e-6 some 14 of them would be wrong.
SAMPLES = 8
MESSAGES_A_SAMPLE = 2
MESSAGE_BYTES = 1 << 20


@dataclass(slots=True)
class _Rates:
    """Of one port, a value a sample."""

    link: Link
    pre_fec: list[float] = field(default_factory=list)
    lost_words: int = 0

    @property
    def mean(self) -> float:
        return sum(self.pre_fec) / len(self.pre_fec)


class SerdesSer:
    """The plugin; its state lives from `init` to `run` in one runner."""

    name = "ser"
    title = "symbol and bit error rates"
    default_duration_s = 60.0
    needs_card = True

    def prepare(self, preparation: Preparation) -> tuple[str, ...]:
        """Nothing is shared between the cards."""
        return (f"{SAMPLES} samples of {MESSAGES_A_SAMPLE * MESSAGE_BYTES >> 20} MiB a port",)

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

    def run(self, ctx: RunContext) -> Outcome:
        """Sample after sample, each with the counters around it."""
        from hl_qual.plugins.nic_ports import result_of

        rates = [_Rates(link) for link in self._links.links]
        for sample in range(SAMPLES):
            self._sample(rates)
            ctx.progress((sample + 1) / SAMPLES)
        results = [result_of(self._links, link, self._reader) for link in self._links.links]
        findings = [*self._findings, *data_findings(results)]
        for each in rates:
            findings += _rate_findings(each, ctx.job.limits)
            ctx.log(self._line(each, "-ber_enable" in ctx.job.switches or "-check_all" in ctx.job.switches))
        return judge(tuple(findings), _metrics(rates), coverage_of(results))

    def _sample(self, rates: list[_Rates]) -> None:
        from hl_qual.plugins.nic_ports import counter_difference
        from hl_qual.plugins.nic_traffic import exchange

        before = self._reader.read()
        exchange(self._links, lambda link, sent: sent == MESSAGES_A_SAMPLE - 1, lambda: None)
        after = self._reader.read()
        for each in rates:
            port = each.link.port
            counters = counter_difference(after[port], before[port])
            each.pre_fec.append(symbol_error_rate(counters))
            each.lost_words += counters["cw_uncorrect_accum"]

    def _line(self, rates: _Rates, with_bits: bool) -> str:
        text = f"{rates.link.name}: pre-FEC SER mean {rates.mean:.1e}, worst {max(rates.pre_fec):.1e}, "
        text += f"post-FEC {rates.lost_words} code words"
        if not with_bits:
            return text
        usage = self._links.usage(rates.link)
        bits = usage.rx_wire_bytes * 8
        return f"{text}, BER {usage.bit_errors / bits if bits else 0.0:.1e}"


def _rate_findings(rates: _Rates, limits: Mapping[str, float]) -> list[Finding]:
    name, found = rates.link.name, []
    checks = (
        ("mean", rates.mean, limits["max_pre_fec_mean"], "symbol error rate before the FEC"),
        ("worst", max(rates.pre_fec), limits["max_pre_fec_worst"], "symbol error rate before the FEC"),
    )
    for what, value, limit, label in checks:
        if value > limit:
            text = f"{name}: the {what} {label} is {value:.1e}"
            found.append(
                Finding(
                    "NIC_BIT_ERRORS",
                    text,
                    engine="NIC",
                    port=rates.link.port,
                    actual=f"{value:.1e}",
                    limit=f"{limit:g}",
                )
            )
    if rates.lost_words > limits["max_post_fec_words"]:
        text = f"{name}: {rates.lost_words} code words were beyond repair"
        shown = f"{limits['max_post_fec_words']:g} code words"
        found.append(
            Finding(
                "NIC_BIT_ERRORS", text, engine="NIC", port=rates.link.port, actual=str(rates.lost_words), limit=shown
            )
        )
    return found


def _metrics(rates: list[_Rates]) -> tuple[Metric, ...]:
    if not rates:
        return ()
    means = sorted(each.mean for each in rates)
    worst = max(max(each.pre_fec) for each in rates)
    lost = sum(each.lost_words for each in rates)
    median = means[len(means) // 2]
    return (
        Metric("pre_fec_ser", sum(means) / len(means), "ratio", "box", "measured", means[0], median, means[-1]),
        Metric("worst_pre_fec_ser", worst, "ratio", "box", "measured"),
        Metric("post_fec_errors", lost, "code words", "box", "measured"),
        Metric("ports_tested", len(rates), "ports", "box", "measured"),
    )
