"""Cards of one server compared with each other: one that lies too far below the median is suspect. Pure.

A limit `<metric>_spread` of a test asks for it: the share of the median by which a card may be below it. This finds a
weak card that still meets the absolute limits. Above the median is no fault.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hl_qual.findings import Finding
from hl_qual.limits import Limit
from hl_qual.outcome import Metric, Verdict
from hl_qual.report.model import CardReport, Comparison
from hlml.types import DeviceSnapshot

__all__ = ["compared", "with_same_firmware"]

_SUFFIX = "_spread"
# With two cards nobody knows which one is wrong.
_FEWEST_CARDS = 3


@dataclass(frozen=True, slots=True)
class _Rule:
    metric: str
    tolerance: float


def compared(
    cards: Sequence[CardReport], limits: Mapping[str, Mapping[str, Limit]]
) -> tuple[tuple[CardReport, ...], tuple[Comparison, ...]]:
    """The cards with what the comparison says against them, and the comparisons for the report.

    `limits` are those of the test by the name of the card; cards are compared with others of the same name.
    """
    result, comparisons = list(cards), []
    for name, section in limits.items():
        same = [position for position, card in enumerate(result) if card.name == name]
        for rule in _rules(section):
            comparison = _comparison(rule, [result[position] for position in same])
            if comparison is not None:
                comparisons.append(comparison)
                for position in same:
                    result[position] = _judged(result[position], comparison)
    return tuple(result), tuple(comparisons)


def _rules(section: Mapping[str, Limit]) -> list[_Rule]:
    return [_Rule(name.removesuffix(_SUFFIX), limit.value) for name, limit in section.items() if name.endswith(_SUFFIX)]


def _metric(card: CardReport, name: str) -> Metric | None:
    return next((metric for metric in card.outcome.metrics if metric.name == name), None)


def _comparison(rule: _Rule, cards: Sequence[CardReport]) -> Comparison | None:
    found = [metric for card in cards if (metric := _metric(card, rule.metric)) is not None]
    if len(found) < _FEWEST_CARDS:
        return None
    values = [metric.value for metric in found]
    middle = statistics.median(values)
    lowest_allowed = middle * (1 - rule.tolerance)
    return Comparison(rule.metric, found[0].unit, len(values), min(values), middle, max(values), lowest_allowed)


def _judged(card: CardReport, comparison: Comparison) -> CardReport:
    metric = _metric(card, comparison.metric)
    if metric is None or metric.value >= comparison.lowest_allowed:
        return card
    actual, limit = f"{metric.value:.1f} {metric.unit}", f"{comparison.lowest_allowed:.1f} {metric.unit}"
    below = 100 * (1 - metric.value / comparison.median)
    message = f"{comparison.metric} {actual} is {below:.1f} % below the median of {comparison.cards} cards"
    finding = Finding("NOT_HOMOGENEOUS", message, actual=actual, limit=limit).on(card.device)
    outcome = replace(card.outcome, verdict=Verdict.FAILED, findings=(*card.outcome.findings, finding))
    return replace(card, outcome=outcome)


def with_same_firmware(cards: Sequence[CardReport], snapshots: Sequence[DeviceSnapshot]) -> list[CardReport]:
    """Cards whose firmware is not that of most cards of their name fail; without a majority all that differ do."""
    result = list(cards)
    for name in {card.name for card in cards}:
        same = [position for position, card in enumerate(cards) if card.name == name]
        versions = [_firmware(snapshots[position]) for position in same]
        usual, count = Counter(versions).most_common(1)[0]
        for position, found in zip(same, versions, strict=True):
            if found != usual or (2 * count == len(same) and count < len(same)):
                result[position] = _mismatched(result[position], found, usual)
    return result


def _firmware(snapshot: DeviceSnapshot) -> tuple[str, ...]:
    return (snapshot.firmware_spi, snapshot.firmware_fit, snapshot.firmware_uboot, snapshot.firmware_os)


def _mismatched(card: CardReport, found: tuple[str, ...], usual: tuple[str, ...]) -> CardReport:
    pairs = [(mine, theirs) for mine, theirs in zip(found, usual, strict=True) if mine != theirs]
    actual, expected = pairs[0] if pairs else (found[0], usual[0])
    message = f"this card's firmware is {actual}, that of other cards {expected}"
    finding = Finding("FIRMWARE_MISMATCH", message, expected=expected, actual=actual).on(card.device)
    outcome = replace(card.outcome, verdict=Verdict.FAILED, findings=(*card.outcome.findings, finding))
    return replace(card, outcome=outcome)
