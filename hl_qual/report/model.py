"""What a report is made of: frozen values, no rendering and no reading of cards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hl_qual.checkpoint import StepResult
from hl_qual.errors import ExitStatus
from hl_qual.findings import DeviceId, Finding
from hl_qual.history import Point
from hl_qual.limits import Limit
from hl_qual.operational import OperationalCheck
from hl_qual.outcome import Outcome, Verdict
from hl_qual.telemetry import Telemetry
from hlml.types import BoxInfo, DeviceSnapshot

__all__ = ["CardReport", "Comparison", "Ending", "Opening", "Report"]


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known before the test: sub-reports 1 to 5.

    `box` is None if no driver answered. `cards` are those of the family, `unreadable` counts cards that did not
    answer. `numa_cpus` is the CPU list of each NUMA node.
    """

    command_line: str
    started: datetime
    host: str
    box: BoxInfo | None
    family_title: str
    cards: tuple[DeviceSnapshot, ...]
    unreadable: int
    checks: tuple[OperationalCheck, ...]
    numa_cpus: tuple[tuple[int, str | None], ...]
    test: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric across the cards of the run; a card below `lowest_allowed` fails."""

    metric: str
    unit: str
    cards: int
    minimum: float
    median: float
    maximum: float
    lowest_allowed: float


@dataclass(frozen=True, slots=True)
class CardReport:
    """One tested card. Times are None for a card whose test did not begin; telemetry likewise."""

    device: DeviceId
    name: str
    pcb_version: str
    outcome: Outcome
    telemetry: Telemetry | None = None
    lines: tuple[str, ...] = ()
    started: datetime | None = None
    ended: datetime | None = None
    history: tuple[Point, ...] = ()
    peak_rss_bytes: int = 0

    @property
    def is_passed(self) -> bool:
        """The only good verdict."""
        return self.outcome.verdict is Verdict.PASSED


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known afterwards. `findings` belong to the run, not to a card. `limits` are those of the test by the name
    of the card. `dmesg` is None if not asked for. `peak_rss_bytes` is the host memory of hl_qual itself.
    `steps` are those of a campaign.
    """

    cards: tuple[CardReport, ...]
    exit_status: ExitStatus
    ended: datetime
    duration_s: float | None = None
    limits: Mapping[str, Mapping[str, Limit]] = field(default_factory=dict)
    preparation: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    sensor_lines: tuple[str, ...] = ()
    dmesg: tuple[str, ...] | None = None
    peak_rss_bytes: int = 0
    steps: tuple[StepResult, ...] = ()

    @property
    def is_passed(self) -> bool:
        """Every card passed, there was one, and nothing is wrong with the run itself."""
        return (
            bool(self.cards)
            and all(card.is_passed for card in self.cards)
            and not any(finding.fails_card for finding in self.findings)
        )


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run."""

    opening: Opening
    ending: Ending
