"""Which cards are shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl_smi.errors import RunError, UsageError
from hl_smi.query.select import _PATTERNS, matching, parse_selector, visible_indices


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
    assert [card.index for card in matching(cards, parse_selector("b1:00.0"))] == [1]
    with pytest.raises(RunError, match=r"no AIP at 0000:43:00.0; present: 0000:B0:00.0, 0000:B1:00.0"):
        matching(cards, parse_selector("43:00.0"))


def test_card_is_found_by_every_name(make_snapshot: Callable[..., Any]) -> None:
    first = make_snapshot(module_id=5)
    second = make_snapshot(index=1, module_id=0, serial="AM99000001", uuid="01P0-HL2080A0-15-TF8A81-09-07-07")
    cards = [second, first]
    for word in ("1", "01", "module:0", "am99000001", "01p0-hl2080a0-15-tf8a81-09-07-07"):
        assert matching(cards, parse_selector(word)) == (second,)
    for word in ("0", "module:5", first.serial, first.uuid):
        assert matching(cards, parse_selector(word)) == (first,)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("7", "no AIP with index 7; present: 0, 1"),
        ("module:9", "no AIP with module id 9; present: 3, 4"),
        ("AM99999999", "no AIP with serial number AM99999999; present: AM50016138, AM50016138"),
    ],
)
def test_missing_card_is_named_with_what_is_there(make_snapshot: Callable[..., Any], word: str, expected: str) -> None:
    cards = [make_snapshot(index=index, module_id=index + 3) for index in range(2)]
    with pytest.raises(RunError) as raised:
        matching(cards, parse_selector(word))
    assert str(raised.value) == expected


def test_name_that_two_cards_have_is_refused(make_snapshot: Callable[..., Any]) -> None:
    cards = [make_snapshot(index=index) for index in range(2)]
    with pytest.raises(RunError, match="2 AIPs with serial number AM50016138; name one by its index"):
        matching(cards, parse_selector("AM50016138"))


@given(st.text(alphabet="0123456789abcdefAMHLmodule:.-/ ", max_size=24))
def test_a_word_has_at_most_one_form(word: str) -> None:
    fitting = [kind for kind, pattern in _PATTERNS if pattern.fullmatch(word.lower())]
    assert len(fitting) <= 1
    if fitting:
        assert parse_selector(word).kind is fitting[0]
    else:
        with pytest.raises(UsageError, match=r"43:00\.0.*index.*module:3.*UUID.*serial"):
            parse_selector(word)
