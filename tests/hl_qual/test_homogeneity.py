"""Cards compared with each other: a weak one is found by the median of all, a strong one is no fault."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl_qual.findings import DeviceId
from hl_qual.homogeneity import compared, with_same_firmware
from hl_qual.limits import Limit
from hl_qual.outcome import Metric, Outcome, Verdict
from hl_qual.report.model import CardReport
from hlml.types import DeviceSnapshot

LIMITS = {
    "HL-225": {
        "mme_throughput_spread": Limit(0.1, "ratio", "assumed", "x"),
        "retests": Limit(10, "runs", "assumed", "x"),
    }
}


def card(number: int, value: float | None, name: str = "HL-225") -> CardReport:
    metrics = () if value is None else (Metric("mme_throughput", value, "TFLOPS", "device", "model"),)
    device = DeviceId(f"S{number}", f"0000:{number:02x}:00.0", number)
    return CardReport(device, name, "R0", Outcome(Verdict.PASSED, metrics=metrics))


def failing(values: list[float | None]) -> list[int]:
    cards, _ = compared([card(number, value) for number, value in enumerate(values)], LIMITS)
    return [each.device.module_id for each in cards if not each.is_passed]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([400.0, 410.0, 405.0, 300.0], [3]),
        ([400.0, 410.0, 405.0, 900.0], []),
        ([400.0, 200.0], []),
        ([400.0, None, 200.0], []),
        ([], []),
    ],
)
def test_only_a_card_far_below_the_median_fails(values: list[float | None], expected: list[int]) -> None:
    assert failing(values) == expected


def test_cards_are_compared_with_their_like_only() -> None:
    mixed = [card(number, 400.0) for number in range(3)] + [card(9, 200.0, "HL-288E")]
    cards, comparisons = compared(mixed, {**LIMITS, "HL-288E": LIMITS["HL-225"]})
    assert all(each.is_passed for each in cards)
    assert [comparison.cards for comparison in comparisons] == [3]


def test_finding_and_comparison_carry_the_figures() -> None:
    cards, (comparison,) = compared([card(n, value) for n, value in enumerate([400.0, 410.0, 300.0])], LIMITS)
    (finding,) = cards[2].outcome.findings
    assert (finding.code, finding.actual, finding.limit) == ("NOT_HOMOGENEOUS", "300.0 TFLOPS", "360.0 TFLOPS")
    assert "25.0 % below the median of 3 cards" in finding.message
    assert (comparison.cards, comparison.minimum, comparison.median, comparison.maximum) == (3, 300.0, 400.0, 410.0)


@given(st.lists(st.floats(1, 1e6), min_size=3, max_size=16))
def test_never_more_than_half_of_the_cards_fail(values: list[float]) -> None:
    assert len(failing(list(values))) <= len(values) / 2


def firmware(make: Callable[..., DeviceSnapshot], versions: str) -> list[int]:
    """Modules of the cards that fail for their firmware."""
    snapshots = [make(number, firmware_spi=version) for number, version in enumerate(versions)]
    judged = with_same_firmware([card(number, 1.0) for number in range(len(versions))], snapshots)
    return [each.device.module_id for each in judged if not each.is_passed]


@pytest.mark.parametrize(
    ("versions", "expected"), [("aaba", [2]), ("aaaa", []), ("a", []), ("ab", [0, 1]), ("aabb", [0, 1, 2, 3])]
)
def test_a_card_with_other_firmware_than_most_fails(
    make_snapshot: Callable[..., DeviceSnapshot], versions: str, expected: list[int]
) -> None:
    assert firmware(make_snapshot, versions) == expected
