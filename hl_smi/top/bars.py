"""Bars and sparklines: numbers in, text of an exact width out. Pure."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["bar", "sparkline"]

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_HEIGHTS = "▁▂▃▄▅▆▇█"
_ASCII_HEIGHTS = "_.-~=+*#"


def bar(share: float, width: int, is_ascii: bool) -> str:
    """A share 0..1 as a bar; anything above nothing shows something."""
    share = min(max(share, 0.0), 1.0)
    if is_ascii:
        return ("#" * round(share * width)).ljust(width, ".")
    eighths = round(share * width * 8)
    if share > 0:
        eighths = max(eighths, 1)
    full, rest = divmod(eighths, 8)
    return (_EIGHTHS[8] * full + (_EIGHTHS[rest] if rest else ""))[:width].ljust(width)


def sparkline(shares: Sequence[float], width: int, is_ascii: bool) -> str:
    """The newest `width` shares, the newest at the right; blank where there is none yet."""
    heights = _ASCII_HEIGHTS if is_ascii else _HEIGHTS
    newest = shares[-width:] if width > 0 else ()
    levels = (round(min(max(share, 0.0), 1.0) * (len(heights) - 1)) for share in newest)
    return "".join(heights[level] for level in levels).rjust(width)
