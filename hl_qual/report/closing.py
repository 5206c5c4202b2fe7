"""Sub-reports 7 and 8 and the verdict: statistics, dmesg, the summary block that consumers parse. Pure.

After "Test result summary" comes one line a card and nothing between them (C3); the last line of all is the verdict
(C1, C2). Kernel lines go into the file only: one of them may hold a word that a passing run must not print (C5).
"""

from __future__ import annotations

from collections.abc import Sequence

from hl_qual.checkpoint import StepResult
from hl_qual.limits import Limit
from hl_qual.report.lines import banner, defused, finding_lines, spread
from hl_qual.report.model import CardReport, Comparison, Ending
from hl_qual.telemetry import Telemetry

__all__ = ["render_closing", "statistics_lines"]


def render_closing(ending: Ending, with_dmesg: bool) -> list[str]:
    """From the Closing Report to the verdict."""
    lines = [banner("Closing report")]
    lines += ending.preparation
    lines += [_step(step) for step in ending.steps]
    for card, limits in ending.limits.items():
        where = f" for {card}" if len(ending.limits) > 1 else ""
        lines += [_limit_line(name + where, limit) for name, limit in limits.items()]
    lines += statistics_lines([(card.device.bus_id, card.telemetry) for card in ending.cards])
    lines += [_comparison(comparison) for comparison in ending.comparisons]
    lines += _host_memory(ending)
    for finding in ending.findings:
        lines += finding_lines(finding)
    if ending.sensor_lines:
        lines += [banner("Sensors"), *ending.sensor_lines]
    if with_dmesg and ending.dmesg is not None:
        lines += [banner("dmesg"), *[f"| {defused(line, ending.is_passed)}" for line in ending.dmesg]]
    lines.append("Test result summary")
    lines += [_summary(card) for card in ending.cards]
    return [*lines, banner("hl qual report"), _word(ending.is_passed)]


def _host_memory(ending: Ending) -> list[str]:
    """What the test cost the host."""
    runners = [card.peak_rss_bytes for card in ending.cards if card.peak_rss_bytes]
    if not runners:
        return []
    own, most = ending.peak_rss_bytes / 2**20, max(runners) / 2**20
    return [f"host memory, peak resident: hl_qual {own:.0f} MiB, largest of {len(runners)} runners {most:.0f} MiB"]


def _word(is_passed: bool) -> str:
    return "PASSED" if is_passed else "FAILED"


def _summary(card: CardReport) -> str:
    return f"Device: {card.device.bus_id} test result: {_word(card.is_passed)}"


def _limit_line(name: str, limit: Limit) -> str:
    return f"limit {name} {limit.value:g} {limit.unit} ({limit.basis})"


def _step(step: StepResult) -> str:
    """Without the command line at the start of a line, which the report has once."""
    passed = sum(card.verdict == "PASSED" for card in step.cards)
    report = f", report {step.report}" if step.report else ""
    return (
        f"step {step.number + 1}  {_word(step.is_passed)}  {passed} of {len(step.cards)} cards  {step.seconds:.1f} s  "
        f"{step.command}{report}"
    )


def _comparison(found: Comparison) -> str:
    figures = f"{found.minimum:.1f} / {found.median:.1f} / {found.maximum:.1f} {found.unit}"
    allowed = f"allowed from {found.lowest_allowed:.1f}"
    return f"{found.cards} cards compared, {found.metric} min/median/max {figures}, {allowed}"


def statistics_lines(cards: Sequence[tuple[str, Telemetry | None]]) -> list[str]:
    """A table of power, clock, temperature and utilisation, a line a card, (bus id, telemetry)."""
    lines = [
        f"{'device':<14}{'power[W] min/avg/max':^24}{'clock[MHz] min/avg/max':^26}"
        f"{'temp[C] min/avg/max':^23}{'util[%] min/avg/max':^23} ECC s/d  throttling"
    ]
    for bus_id, telemetry in cards:
        if telemetry is None:
            lines.append(f"{bus_id:<14}not measured")
            continue
        reasons = telemetry.throttle_reasons
        names = ",".join(reason.name.lower() for reason in reasons if reason.name) if reasons else "none"
        lines.append(
            f"{bus_id:<14}{spread(telemetry.power_w, 5):^24}{spread(telemetry.clock_mhz, 5):^26}"
            f"{spread(telemetry.temp_c, 4):^23}{spread(telemetry.utilization_percent, 4):^23} "
            f"{telemetry.ecc_corrected}/{telemetry.ecc_uncorrected}      {names}"
        )
        lines += [f"{'':<14}{section} out of bounds in {count} samples" for section, count in telemetry.violations]
    return lines
