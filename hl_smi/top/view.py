"""What the keys of `top` change: order, filter, place in the list. Pure: a view and a key give the next view."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hl_smi.top.cards import SORTS

__all__ = ["View", "pressed"]

_LONGEST_FILTER = 40


@dataclass(frozen=True, slots=True)
class View:
    """`offset` is the first card shown. `is_typing`: keys go into the filter. `is_over`: the user wants to leave."""

    sort: str = "index"
    wanted: str = ""
    offset: int = 0
    is_typing: bool = False
    is_over: bool = False


def pressed(view: View, key: str, card_count: int, page: int) -> View:
    """The next view. `card_count` cards are in the list, `page` of them are on the screen."""
    if view.is_typing:
        return _typed(view, key)
    last = max(card_count - page, 0)
    moves = {"up": view.offset - 1, "down": view.offset + 1, "page-up": view.offset - page,
             "page-down": view.offset + page, "home": 0, "end": last}  # fmt: skip
    if key in moves:
        return replace(view, offset=min(max(moves[key], 0), last))
    if key in ("q", "Q"):
        return replace(view, is_over=True)
    if key in ("s", "S"):
        names = list(SORTS)
        return replace(view, sort=names[(names.index(view.sort) + 1) % len(names)], offset=0)
    if key in ("f", "F", "/"):
        return replace(view, is_typing=True)
    if key == "escape":
        return replace(view, wanted="", offset=0)
    return view


def _typed(view: View, key: str) -> View:
    if key == "enter":
        return replace(view, is_typing=False)
    if key == "escape":
        return replace(view, is_typing=False, wanted="", offset=0)
    if key == "backspace":
        return replace(view, wanted=view.wanted[:-1], offset=0)
    if len(key) == 1 and len(view.wanted) < _LONGEST_FILTER:
        return replace(view, wanted=view.wanted + key, offset=0)
    return view
