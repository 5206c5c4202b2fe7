"""The screen of `top` at the sizes that people have, and at silly ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl_smi.top.cards import CardRow, query_cards
from hl_smi.top.draw import Frame, draw
from hl_smi.top.history import History
from hl_smi.top.view import View
from hlml.types import EccCounters, ProcessInfo, ThrottleReason

Make = Callable[..., CardRow]


def screen(rows: Sequence[CardRow], width: int, height: int, view: View | None = None) -> list[str]:
    """What stands on the screen."""
    history = History()
    history.add(rows)
    frame = Frame("box hls2 (emulated) 20:16:52", rows, rows, view or View(), is_ascii=False)
    lines = draw(frame, history, width, height)
    assert all(line.cell_len <= width for line in lines)
    return [line.plain for line in lines]


@pytest.fixture
def eight(make_row: Make) -> list[CardRow]:
    """Eight cards; number 3 is busy and throttled."""
    rows = [make_row(index=index, module_id=7 - index) for index in range(8)]
    rows[3] = make_row(
        index=3,
        module_id=4,
        utilization_aip_percent=97,
        power_54v_mw=541_000,
        temperature_c=61,
        clock_soc_mhz=1598,
        throttle_reasons=ThrottleReason.POWER,
        engine_activity={"mme": 1.0, "tpc": 0.25},
        processes=(ProcessInfo(4321, "python3", 0, 7),),
    )
    return rows


@pytest.mark.parametrize(("width", "height", "lines_each"), [(60, 15, 1), (80, 24, 2), (120, 40, 4), (200, 60, 4)])
def test_all_eight_cards_are_on_the_screen(eight: list[CardRow], width: int, height: int, lines_each: int) -> None:
    lines = screen(eight, width, height)
    assert len(lines) == height
    assert [lines[2 + lines_each * index][:6] for index in range(8)] == [f"  {n} m{7 - n}" for n in range(8)]
    busy = lines[2 + lines_each * 3]
    for word in ("97%", "61C", "1598", "slow:power"):
        assert word in busy
    assert lines[0].startswith("hl-smi top  1 need attention")
    assert lines[-1].startswith("1-8 of 8  q quit")


def test_more_lines_tell_history_links_ecc_engines_and_processes(eight: list[CardRow]) -> None:
    text = "\n".join(screen(eight, 120, 40))
    for word in (
        "util ",
        "power ",
        "temp ",
        "links 21/21",
        "ecc 0+0",
        "mme 100%",
        "tpc  25%",
        "4321 python3",
        "0000:43",
    ):
        assert word in text


def test_every_trouble_is_a_word(make_row: Make) -> None:
    row = make_row(ecc_hbm=EccCounters(0, 0, 5, 5), is_row_replacement_pending=True, status="In reset")
    assert row.troubles == ("In reset", "ECC 5", "row pending")
    assert make_row(is_lost=True).troubles == ("LOST",)
    assert "LOST" in "\n".join(screen([make_row(is_lost=True)], 60, 15))


def test_sixty_four_cards_scroll(make_row: Make) -> None:
    rows = [make_row(index=index) for index in range(64)]
    lines = screen(rows, 80, 24, View(offset=60))
    assert lines[-1].startswith("44-64 of 64")
    assert lines[-2].startswith(" 63 ")


def test_filter_that_nothing_fits_says_so(make_row: Make) -> None:
    frame = Frame("box", [make_row()], [], View(wanted="zzz"), is_ascii=False)
    assert "no AIP fits the filter 'zzz'" in "\n".join(line.plain for line in draw(frame, History(), 80, 24))


def test_plain_screen_is_ascii(eight: list[CardRow]) -> None:
    history = History()
    history.add(eight)
    lines = draw(Frame("box", eight, eight, View(), is_ascii=True), history, 120, 40)
    assert "\n".join(line.plain for line in lines).isascii()


@given(width=st.integers(1, 260), height=st.integers(1, 90), count=st.integers(0, 64))
def test_any_size_is_kept(make_one: CardRow, width: int, height: int, count: int) -> None:
    assert len(screen([make_one] * count, width, height)) == height


@pytest.fixture(scope="module")
def make_one(make_snapshot: Callable[..., Any]) -> CardRow:
    """One card, for properties."""
    return query_cards((make_snapshot(),))[0]


def test_links_that_are_down_are_counted(make_snapshot: Callable[..., Any]) -> None:
    base = make_snapshot().ports
    for down, words in (((), ()), ((0,), ("1 link down",)), ((0, 1, 8), ("2 links down",))):
        ports = tuple(dataclasses.replace(port, is_up=port.port not in down) for port in base)
        (row,) = query_cards((make_snapshot(ports=ports),))
        assert row.troubles == words
