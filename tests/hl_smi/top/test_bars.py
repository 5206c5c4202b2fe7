"""Bars and sparklines keep their width and their order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl_smi.top.bars import bar, sparkline


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, "    "), (0.001, "▏   "), (0.5, "██  "), (0.53, "██▏ "), (1.0, "████"), (7.0, "████")]
)
def test_bar(share: float, expected: str) -> None:
    assert bar(share, 4, is_ascii=False) == expected


def test_sparkline_ends_with_the_newest() -> None:
    assert sparkline((0.0, 0.5, 1.0), 5, is_ascii=False) == "  ▁▅█"
    assert sparkline((0.0, 0.5, 1.0), 2, is_ascii=False) == "▅█"
    assert sparkline((0.0, 1.0), 3, is_ascii=True) == " _#"


@given(st.floats(-1, 2), st.integers(0, 50), st.booleans())
def test_width_is_kept(share: float, width: int, is_ascii: bool) -> None:
    assert len(bar(share, width, is_ascii)) == width
    assert len(sparkline((share,) * 9, width, is_ascii)) == width
