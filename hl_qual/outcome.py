"""What a test says about one card: verdict, metrics, checks, findings. Plain data, used on both sides of the pipe."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
from typing import Any, cast

from hl_qual.findings import Finding, finding_from_json

__all__ = ["Coverage", "Metric", "Outcome", "Retest", "Series", "Verdict", "judge"]


class Verdict(enum.StrEnum):
    """Result of one card. Only PASSED counts as passed; the report prints the other two alike."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    NOT_EXECUTED = "NOT_EXECUTED"


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured figure.

    `clock` is "device" (the time line that was executed) or "box"; `basis` says where the time comes from:
    "model" (device time of the executed descriptors) or "measured". `limit` is the lower bound it was judged by,
    `upper_limit` the upper one.
    `dilation` is box time over device time of the same work.
    """

    name: str
    value: float
    unit: str
    clock: str
    basis: str
    minimum: float | None = None
    median: float | None = None
    maximum: float | None = None
    limit: float | None = None
    dilation: float | None = None
    upper_limit: float | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much was executed and how much of it was checked. No check is no pass."""

    executed: int
    checked: int
    mismatched: int
    is_last_checked: bool


@dataclass(frozen=True, slots=True)
class Retest:
    """A data set that gave a wrong result, executed `runs` times more."""

    seed: int
    data_set: str
    runs: int
    wrong: int

    @property
    def failure_rate(self) -> float:
        """0 for a fault that did not come again, 1 for a stuck one."""
        return self.wrong / self.runs if self.runs else 0.0


@dataclass(frozen=True, slots=True)
class Series:
    """A figure over the time of the test, for plots: (box seconds since the box began, value) pairs."""

    name: str
    unit: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that a plugin hands back. `coverage` is None for a test that compares no data."""

    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    metrics: tuple[Metric, ...] = ()
    coverage: Coverage | None = None
    retests: tuple[Retest, ...] = ()
    series: tuple[Series, ...] = ()
    own_resets: int = 0
    """Resets of the card that belonged to the test."""

    def to_json(self) -> dict[str, object]:
        """Plain values for the result pipe and the JSON report."""
        return {
            "verdict": self.verdict.value,
            "findings": [finding.to_json() for finding in self.findings],
            "metrics": [asdict(metric) for metric in self.metrics],
            "coverage": None if self.coverage is None else asdict(self.coverage),
            "own_resets": self.own_resets,
            "retests": [{**asdict(retest), "failure_rate": retest.failure_rate} for retest in self.retests],
            "series": [asdict(series) for series in self.series],
        }

    @staticmethod
    def from_json(values: dict[str, object]) -> Outcome:
        """Inverse of `to_json`; KeyError, TypeError or ValueError for anything else."""
        findings, metrics, coverage = values["findings"], values["metrics"], values["coverage"]
        retests, series = values["retests"], values["series"]
        lists = (findings, metrics, retests, series)
        if not all(isinstance(each, list) for each in lists):
            raise TypeError("findings, metrics, retests and series are lists")
        findings, metrics, retests, series = cast("tuple[list[dict[str, Any]], ...]", lists)
        return Outcome(
            verdict=Verdict(str(values["verdict"])),
            own_resets=int(str(values["own_resets"])),
            findings=tuple(finding_from_json(finding) for finding in findings),
            metrics=tuple(Metric(**metric) for metric in metrics),
            coverage=Coverage(**coverage) if isinstance(coverage, dict) else None,
            retests=tuple(Retest(each["seed"], each["data_set"], each["runs"], each["wrong"]) for each in retests),
            series=tuple(_series_from_json(each) for each in series),
        )


def _series_from_json(values: dict[str, Any]) -> Series:
    points = tuple((float(time_s), float(value)) for time_s, value in values["points"])
    return Series(str(values["name"]), str(values["unit"]), points)


def judge(
    findings: tuple[Finding, ...],
    metrics: tuple[Metric, ...],
    coverage: Coverage | None,
    retests: tuple[Retest, ...] = (),
    series: tuple[Series, ...] = (),
) -> Outcome:
    """Fail closed: a card passes only with a measurement, complete checks where data is compared, and no finding."""
    extra = []
    if not metrics:
        extra.append(Finding("NO_MEASUREMENT", "the test ended without a single measurement"))
    if coverage is not None and (coverage.checked == 0 or not coverage.is_last_checked):
        extra.append(
            Finding(
                "NO_CHECK",
                "results were not checked, or the last one was not",
                expected="at least one check, and of the last result",
                actual=f"{coverage.checked} of {coverage.executed} checked",
            )
        )
    every = (*findings, *extra)
    is_bad = any(finding.fails_card for finding in every)
    return Outcome(Verdict.FAILED if is_bad else Verdict.PASSED, every, metrics, coverage, retests, series)
