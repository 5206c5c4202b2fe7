"""Telemetry of one card over its test: statistics, counter differences, and what they say. Pure.

Samples are folded in as they come, so a soak of days needs no more memory than a minute. Values come from
`hlml.Device.snapshot()`; power is the 54 V rail, which HLML reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hl_qual.findings import Finding
from hl_qual.monitor_ini import Bounds, violations
from hlml.types import DeviceSnapshot, ReplacedRow, ThrottleReason

__all__ = ["Rules", "Statistic", "Telemetry", "baseline", "finished", "judge_telemetry", "observed"]


@dataclass(frozen=True, slots=True)
class Statistic:
    """Minimum, mean and maximum of what was folded in; None while there is nothing."""

    count: int = 0
    total: float = 0.0
    minimum: float | None = None
    maximum: float | None = None

    def including(self, value: float) -> Statistic:
        """With one more value."""
        low = value if self.minimum is None else min(self.minimum, value)
        high = value if self.maximum is None else max(self.maximum, value)
        return Statistic(self.count + 1, self.total + value, low, high)

    @property
    def mean(self) -> float | None:
        """Arithmetic mean; samples are taken at equal intervals."""
        if self.minimum is None or self.maximum is None:
            return None
        # Rounding of the sum must not carry the mean out of the range of its values.
        return min(max(self.total / self.count, self.minimum), self.maximum)


# HBM has spare rows for this many replacements ; the driver refuses more.
_SPARE_ROWS = 32


@dataclass(frozen=True, slots=True)
class Rules:
    """What the command line changes about the judgement. Generation and lanes are what the slot has, None: all."""

    do_corrected_errors_fail: bool = False
    is_aer_ignored: bool = False
    pcie_generation: int | None = None
    pcie_lanes: int | None = None


@dataclass(frozen=True, slots=True)
class Telemetry:
    """One card from before its test (`first`) to after it (`last`). `missed` counts failed readings.

    `violations` counts samples outside the bounds of the monitor INI, by section.
    """

    first: DeviceSnapshot
    last: DeviceSnapshot | None = None
    power_w: Statistic = Statistic()
    clock_mhz: Statistic = Statistic()
    temp_c: Statistic = Statistic()
    utilization_percent: Statistic = Statistic()
    throttle_reasons: ThrottleReason = ThrottleReason.NONE
    missed: int = 0
    violations: tuple[tuple[str, int], ...] = ()

    @property
    def ecc_corrected(self) -> int:
        """Corrected ECC errors of HBM and SRAM during the test."""
        return self._since("corrected_aggregate")

    @property
    def ecc_uncorrected(self) -> int:
        """Uncorrected ECC errors of HBM and SRAM during the test."""
        return self._since("uncorrected_aggregate")

    @property
    def resets(self) -> int:
        """Resets of the card during the test."""
        return 0 if self.last is None else self.last.reset_count - self.first.reset_count

    @property
    def thermal_violation_s(self) -> float:
        """Box time that the card throttled for heat during the test; catches what lies between two samples."""
        return 0.0 if self.last is None else (self.last.violation_thermal_ns - self.first.violation_thermal_ns) / 1e9

    @property
    def energy_j(self) -> float | None:
        """Energy drawn between the two readings at the ends."""
        return None if self.last is None else (self.last.energy_mj - self.first.energy_mj) / 1e3

    def _since(self, counter: str) -> int:
        if self.last is None:
            return 0
        after = getattr(self.last.ecc_hbm, counter) + getattr(self.last.ecc_sram, counter)
        before = getattr(self.first.ecc_hbm, counter) + getattr(self.first.ecc_sram, counter)
        return int(after - before)


def baseline(snapshot: DeviceSnapshot) -> Telemetry:
    """Telemetry of a card whose test has not begun."""
    return Telemetry(first=snapshot)


def observed(telemetry: Telemetry, snapshot: DeviceSnapshot, bounds: Bounds) -> Telemetry:
    """With one more sample of the running test."""
    counts = dict(telemetry.violations)
    for section in violations(bounds, snapshot, telemetry.first):
        counts[section] = counts.get(section, 0) + 1
    return replace(
        telemetry,
        last=snapshot,
        power_w=telemetry.power_w.including(snapshot.power_54v_mw / 1e3),
        clock_mhz=telemetry.clock_mhz.including(snapshot.clock_soc_mhz),
        temp_c=telemetry.temp_c.including(snapshot.temperature_c),
        utilization_percent=telemetry.utilization_percent.including(snapshot.utilization_aip_percent),
        throttle_reasons=telemetry.throttle_reasons | snapshot.throttle_reasons,
        violations=tuple(counts.items()),
    )


def finished(telemetry: Telemetry, snapshot: DeviceSnapshot) -> Telemetry:
    """With the reading after the test: counters only, the card is idle again."""
    return replace(telemetry, last=snapshot)


def judge_telemetry(telemetry: Telemetry, rules: Rules, own_resets: int = 0) -> tuple[Finding, ...]:
    """What telemetry says against a card. Power throttling is normal at full load, thermal throttling is not; so many
    resets were part of the test."""
    findings = []
    last = telemetry.last
    if last is None or telemetry.power_w.count == 0:
        findings.append(Finding("NO_TELEMETRY", "no sample of power, clock and temperature during the test"))
    if telemetry.missed:
        findings.append(Finding("NO_TELEMETRY", f"the card could not be read {telemetry.missed} times"))
    if last is not None and (last.is_lost or not last.is_operational):
        findings.append(Finding("DEVICE_LOST", f"the card is not operational after the test ({last.status})"))
    if telemetry.resets > own_resets:
        actual, limit = f"{telemetry.resets} resets", f"{own_resets} resets"
        findings.append(Finding("DEVICE_RESET", "the card was reset during the test", actual=actual, limit=limit))
    if ThrottleReason.THERMAL in telemetry.throttle_reasons or telemetry.thermal_violation_s > 0:
        actual = "unknown" if telemetry.temp_c.maximum is None else f"{telemetry.temp_c.maximum:.0f} C"
        message = f"temperature throttled the clock for {telemetry.thermal_violation_s:.1f} s (at most {actual})"
        findings.append(Finding("THERMAL_THROTTLING", message, actual=actual))
    findings += _ecc_findings(telemetry, rules.do_corrected_errors_fail)
    findings += [*_row_findings(last), *_pcie_findings(telemetry, rules)]
    return tuple(findings)


def _ecc_findings(telemetry: Telemetry, do_corrected_errors_fail: bool) -> list[Finding]:
    findings = []
    if telemetry.ecc_uncorrected > 0:
        actual = f"{telemetry.ecc_uncorrected} errors"
        findings.append(Finding("ECC_UNCORRECTED", f"uncorrected ECC: {actual}", actual=actual, limit="0 errors"))
    if telemetry.ecc_corrected > 0 and do_corrected_errors_fail:
        actual = f"{telemetry.ecc_corrected} errors"
        findings.append(Finding("ECC_CORRECTED", f"corrected ECC: {actual}", actual=actual, limit="0 errors"))
    return findings


def _row_findings(last: DeviceSnapshot | None) -> list[Finding]:
    if last is None:
        return []
    findings = []
    if last.is_row_replacement_pending:
        message = "an HBM row waits for its replacement"
        findings.append(Finding("HBM_ROW_PENDING", message, engine="HBM", address=_row_text(last.pending_rows)))
    used = len(last.replaced_rows)
    if used >= _SPARE_ROWS:
        message = f"{used} HBM rows have been replaced, there are no spare ones left"
        findings.append(Finding("HBM_ROWS_USED_UP", message, engine="HBM", actual=f"{used}", limit=f"{_SPARE_ROWS}"))
    return findings


def _row_text(rows: Sequence[ReplacedRow]) -> str | None:
    texts = [f"stack {r.hbm} pc {r.pseudo_channel} sid {r.stack_id} bank {r.bank} row {r.row}" for r in rows[:4]]
    return "; ".join(texts) or None


def _pcie_findings(telemetry: Telemetry, rules: Rules) -> list[Finding]:
    """Replays, and a link that is below what card and slot have, before or after the test."""
    last = telemetry.last
    if last is None:
        return []
    findings = []
    replays = last.pcie_replay_count - telemetry.first.pcie_replay_count
    if replays > 0 and not rules.is_aer_ignored:
        message = f"the PCIe link replayed {replays} packets during the test"
        findings.append(Finding("PCIE_REPLAY", message, engine="PCIE", actual=f"{replays} replays", limit="0 replays"))
    links = [telemetry.first.pci.link, last.pci.link]
    generation = min(links[0].generation_max, rules.pcie_generation or links[0].generation_max)
    lanes = min(links[0].width_max, rules.pcie_lanes or links[0].width_max)
    bad = [link for link in links if link.generation_current < generation or link.width_current < lanes]
    if bad:
        actual, limit = f"gen {bad[0].generation_current} x{bad[0].width_current}", f"gen {generation} x{lanes}"
        message = f"the PCIe link runs at {actual}"
        findings.append(Finding("PCIE_LINK", message, engine="PCIE", actual=actual, limit=limit))
    return findings
