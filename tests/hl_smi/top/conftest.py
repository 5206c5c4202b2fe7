"""Rows of cards for the tests of `top`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hl_smi.top.cards import CardRow, query_cards


@pytest.fixture
def make_row(make_snapshot: Callable[..., Any]) -> Callable[..., CardRow]:
    """The row of a card; keyword arguments replace fields of its snapshot."""

    def make(**changes: Any) -> CardRow:
        (row,) = query_cards((make_snapshot(**changes),))
        return row

    return make
