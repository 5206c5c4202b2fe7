"""What the NIC tests make of their links: figures a port, findings with card, port and peer. Pure, values in.

Bandwidth is payload over the device time in which the port was sending or waited for answers that did not come, so
retransmissions, lost packets and a link that was away count against it. Link states and error counters are those that
HLML shows, before and after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hl_qual.findings import Finding
from hl_qual.outcome import Coverage, Metric

__all__ = [
    "PortResult",
    "bandwidth_findings",
    "bandwidth_metric",
    "coverage_of",
    "data_findings",
    "error_findings",
    "error_metrics",
    "latency_findings",
    "port_lines",
    "symbol_error_rate",
]

# RS(544,514) of IEEE 802.3 clause 91: 544 symbols of 10 bits carry 5140 bits; at most 15 wrong symbols are repaired.
_SYMBOLS_PER_BYTE = 8 / 10 * 544 / 514
_BEYOND_REPAIR = 16


@dataclass(frozen=True, slots=True)
class PortResult:
    """One link after a test. `counters` are the increments of the port's counters, by the driver's names."""

    port: int
    name: str
    messages: int
    payload_bytes: int
    checked: int
    mismatched: int
    sending_s: float
    stalled_s: float
    latencies_s: Sequence[float]
    failure: str | None
    wrong: str | None
    counters: Mapping[str, int]

    @property
    def gbps(self) -> float | None:
        """None if nothing was sent."""
        total_s = self.sending_s + self.stalled_s
        return self.payload_bytes * 8 / total_s / 1e9 if total_s > 0 and self.payload_bytes else None

    @property
    def latency_us(self) -> float | None:
        """Median of the small messages."""
        if not self.latencies_s:
            return None
        return sorted(self.latencies_s)[len(self.latencies_s) // 2] * 1e6

    @property
    def retransmissions(self) -> int:
        return self.counters.get("retransmissions", 0)


def symbol_error_rate(counters: Mapping[str, int]) -> float:
    """Before the FEC: what it repaired, and at least 16 symbols for each code word that it could not repair."""
    symbols = counters.get("etherStatsOctets", 0) * _SYMBOLS_PER_BYTE
    repaired = sum(counters.get(f"symbol_err_corrected_lane_{lane}", 0) for lane in range(2))
    lost = counters.get("cw_uncorrect_accum", 0) * _BEYOND_REPAIR
    return (repaired + lost) / symbols if symbols > 0 else 0.0


def data_findings(results: Sequence[PortResult]) -> list[Finding]:
    """Wrong data, and peers that do not answer."""
    found = []
    for result in results:
        if result.wrong is not None:
            found.append(
                _finding("NIC_MISCOMPARE", result, f"{result.mismatched} of {result.checked} messages are wrong; "
                         f"{result.wrong}", "the bytes that were sent", "other bytes")
            )  # fmt: skip
        if result.failure is not None:
            found.append(_finding("NIC_NO_ANSWER", result, result.failure, "an answer", "none"))
    return found


def bandwidth_findings(results: Sequence[PortResult], minimum_gbps: float) -> list[Finding]:
    """Ports below the limit. One that has failed already has its finding."""
    found = []
    for result in results:
        if result.failure is not None:
            continue
        if result.gbps is None:
            found.append(_finding("NO_MEASUREMENT", result, "it carried no data", None, None))
        elif result.gbps < minimum_gbps:
            shown = f"{result.gbps:.2f} Gb/s"
            stalled_ms = result.stalled_s * 1e3
            text = f"{shown} of payload; {result.retransmissions} packets sent again, {stalled_ms:.1f} ms stalled"
            found.append(_finding("NIC_BANDWIDTH", result, text, None, shown, f"{minimum_gbps:g} Gb/s"))
    return found


def latency_findings(results: Sequence[PortResult], most_us: float) -> list[Finding]:
    """Ports whose small messages take too long."""
    found = []
    for result in results:
        latency = result.latency_us
        if latency is not None and latency > most_us:
            shown = f"{latency:.2f} us"
            found.append(
                _finding("NIC_LATENCY", result, f"a small message takes {shown}", None, shown, f"{most_us:g} us")
            )
    return found


def error_findings(results: Sequence[PortResult], limits: Mapping[str, float]) -> list[Finding]:
    """Symbols, frames and packets that went wrong, and links that were away."""
    found = []
    for result in results:
        rate, most = symbol_error_rate(result.counters), limits["max_symbol_error_rate"]
        if rate > most:
            text = f"{rate:.1e} of the symbols that the port receives are wrong before the FEC"
            found.append(_finding("NIC_BIT_ERRORS", result, text, None, f"{rate:.1e}", f"{most:g}"))
        crc = result.counters.get("aFrameCheckSequenceErrors", 0)
        if crc > limits["max_crc_errors"]:
            text = f"{crc} frames with a wrong CRC came in, of {result.counters.get('etherStatsPkts', 0)}"
            found.append(
                _finding("NIC_BIT_ERRORS", result, text, "0", str(crc), f"{limits['max_crc_errors']:g} frames")
            )
        again = result.retransmissions
        if again > limits["max_retransmissions"]:
            text = f"{again} packets had to be sent again"
            limit = f"{limits['max_retransmissions']:g} packets"
            found.append(_finding("NIC_RETRANSMISSIONS", result, text, "0", str(again), limit))
        toggles = result.counters.get("pcs_link_toggles", 0)
        if toggles > limits["max_toggles"]:
            text = f"the link went down or came back {toggles} times during the test"
            found.append(_finding("PORT_TOGGLED", result, text, "0", str(toggles), f"{limits['max_toggles']:g}"))
    return found


def _finding(
    code: str, result: PortResult, text: str, expected: str | None, actual: str | None, limit: str | None = None
) -> Finding:
    return Finding(code, f"{result.name}: {text}", None, "NIC", expected, actual, limit, port=result.port)


def bandwidth_metric(results: Sequence[PortResult], box_s: float, minimum_gbps: float | None) -> tuple[Metric, ...]:
    """Of all ports; the value is their mean. The dilation is that of the busiest port."""
    rates = sorted(result.gbps for result in results if result.gbps is not None)
    busiest_s = max((result.sending_s + result.stalled_s for result in results), default=0.0)
    if not rates or busiest_s <= 0:
        return ()
    total = sum(result.payload_bytes for result in results)
    return (
        Metric(
            name="port_bandwidth",
            value=sum(rates) / len(rates),
            unit="Gb/s",
            clock="device",
            basis="model",
            minimum=rates[0],
            median=rates[len(rates) // 2],
            maximum=rates[-1],
            limit=minimum_gbps,
            dilation=box_s / busiest_s,
        ),
        Metric("data_moved", total / 1e9, "GB", "box", "measured"),
        Metric("ports_tested", len(results), "ports", "box", "measured"),
    )


def error_metrics(results: Sequence[PortResult]) -> tuple[Metric, ...]:
    """Sums over the ports, and the worst symbol error rate."""
    worst = max((symbol_error_rate(result.counters) for result in results), default=0.0)
    crc = sum(result.counters.get("aFrameCheckSequenceErrors", 0) for result in results)
    return (
        Metric("retransmissions", sum(result.retransmissions for result in results), "packets", "box", "measured"),
        Metric("crc_errors", crc, "frames", "box", "measured"),
        Metric("worst_pre_fec_ser", worst, "ratio", "box", "measured"),
    )


def coverage_of(results: Sequence[PortResult]) -> Coverage:
    """Every message is checked, so nothing may be left over."""
    executed = sum(result.messages for result in results)
    checked = sum(result.checked for result in results)
    wrong = sum(result.mismatched for result in results)
    return Coverage(executed, checked, wrong, is_last_checked=checked >= executed)


def port_lines(results: Sequence[PortResult]) -> list[str]:
    """A line a port for the report."""
    return [_line(result) for result in results]


def _line(result: PortResult) -> str:
    parts = [f"{result.name}:"]
    parts.append("no data" if result.gbps is None else f"{result.gbps:.2f} Gb/s")
    if result.latency_us is not None:
        parts.append(f"latency {result.latency_us:.2f} us")
    parts.append(f"{result.messages} messages, {result.checked} checked, {result.mismatched} wrong")
    parts.append(f"{result.retransmissions} packets again")
    parts.append(f"pre-FEC SER {symbol_error_rate(result.counters):.1e}")
    if result.failure is not None:
        parts.append(result.failure)
    return ", ".join([f"{parts[0]} {parts[1]}", *parts[2:]])
