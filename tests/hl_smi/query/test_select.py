"""Which cards are shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from hl_smi.errors import RunError
from hl_smi.query.select import matching, visible_indices


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("all", None),
        ("", frozenset()),
        ("none", frozenset()),
        ("void", frozenset()),
        ("3", frozenset({3})),
        ("0, 2,7", frozenset({0, 2, 7})),
    ],
)
def test_visible_indices(value: str | None, expected: frozenset[int] | None) -> None:
    assert visible_indices(value) == expected


@pytest.mark.parametrize("value", ["0,x", "0,", "-1", "\N{SUPERSCRIPT TWO}", "AIP0"])
def test_malformed_list_is_named(value: str) -> None:
    with pytest.raises(RunError, match="HABANA_VISIBLE_DEVICES"):
        visible_indices(value)


def test_cards_come_by_index_or_by_address(make_snapshot: Callable[..., Any]) -> None:
    base = make_snapshot()
    cards = [
        dataclasses.replace(base, index=index, pci=dataclasses.replace(base.pci, bus_id=f"0000:B{index}:00.0"))
        for index in (1, 0)
    ]
    assert [card.index for card in matching(cards, None)] == [0, 1]
    assert [card.index for card in matching(cards, "0000:b1:00.0")] == [1]
    with pytest.raises(RunError, match=r"no AIP at 0000:43:00.0; present: 0000:B0:00.0, 0000:B1:00.0"):
        matching(cards, "0000:43:00.0")
