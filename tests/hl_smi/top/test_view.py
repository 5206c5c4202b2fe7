"""What the keys of `top` do: bytes to keys, keys to views, views to lists."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl_smi.top.cards import SORTS, CardRow, chosen
from hl_smi.top.keys import keys_of
from hl_smi.top.view import View, pressed


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"q", ["q"]),
        (b"\x1b[A\x1b[B", ["up", "down"]),
        (b"\x1bOA\x1b[5~\x1b[6~", ["up", "page-up", "page-down"]),
        (b"\x1b[1~x\x1b[F", ["home", "x", "end"]),
        (b"\x1b", ["escape"]),
        (b"a\r\x7f", ["a", "enter", "backspace"]),
        (b"\x1b[1;5Cq", ["q"]),
        (b"\x1b[200~", []),
        (b"\xc3\xa4\x01", []),
    ],
)
def test_bytes_are_keys(data: bytes, keys: list[str]) -> None:
    assert keys_of(data) == keys


@given(st.binary(max_size=40))
def test_any_bytes_are_keys_or_nothing(data: bytes) -> None:
    assert all(keys_of(data))


def after(*keys: str, card_count: int = 64, page: int = 10) -> View:
    """The view after some keys."""
    return reduce(lambda view, key: pressed(view, key, card_count, page), keys, View())


@pytest.mark.parametrize(
    ("keys", "offset"),
    [
        (("down", "down", "up"), 1),
        (("up",), 0),
        (("page-down",), 10),
        (("end",), 54),
        (("end", "page-down", "down"), 54),
        (("end", "home"), 0),
        (("page-down", "s"), 0),
    ],
)
def test_list_scrolls_and_stays_inside(keys: tuple[str, ...], offset: int) -> None:
    assert after(*keys).offset == offset


def test_s_goes_through_all_orders() -> None:
    seen = [after(*["s"] * times).sort for times in range(len(SORTS) + 1)]
    assert seen == [*SORTS, "index"]


def test_filter_takes_letters_until_enter() -> None:
    typed = after("f", "q", "s", "x", "backspace", "up")
    assert (typed.wanted, typed.is_typing, typed.is_over) == ("qs", True, False)
    assert after("f", "a", "enter") == View(wanted="a")
    assert after("f", "a", "escape") == View()
    assert after("f", "a", "enter", "escape") == View()
    assert len(after("f", *"x" * 99).wanted) == 40


def test_q_leaves() -> None:
    assert after("q").is_over


def test_orders_and_filter(make_row: Callable[..., CardRow]) -> None:
    rows = [
        make_row(index=0, module_id=2),
        make_row(index=1, module_id=1, utilization_aip_percent=90, is_lost=False, power_54v_mw=500_000),
        make_row(index=2, module_id=0, is_lost=True),
    ]
    assert [row.index for row in chosen(rows, "util", "")] == [1, 0, 2]
    assert [row.index for row in chosen(rows, "module", "")] == [2, 1, 0]
    assert [row.index for row in chosen(rows, "trouble", "")] == [2, 0, 1]
    assert [row.index for row in chosen(rows, "index", "BUSY")] == [1]
    assert [row.index for row in chosen(rows, "index", "aip2 lost")] == [2]
    assert chosen(rows, "index", "nothing") == ()
