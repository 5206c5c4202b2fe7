"""Build helper: C headers of this folder in the form that cffi parses, so that no declaration is written twice.

cffi wants plain declarations: directives go, `#define NAME <integer>` stays, what only C++ sees goes with its braces.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

__all__ = ["LAYOUT", "declarations"]

# The headers that say what the files of a box look like, in the order in which one needs the other.
LAYOUT = ("card_records.h", "card_layout.h")

_CPLUSPLUS = re.compile(r"^#ifdef __cplusplus$.*?^#endif$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"^#define\s+[A-Za-z_]\w*\s+-?(0[xX][0-9a-fA-F]+|\d+)\s*(/\*.*\*/)?$")


def declarations(csrc: Path, headers: Sequence[str]) -> str:
    """The declarations of some headers, one after the other."""
    return "\n".join(_strip((csrc / header).read_text(encoding="utf-8")) for header in headers)


def _strip(text: str) -> str:
    lines = _CPLUSPLUS.sub("", text).splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#") or _NUMBER.match(line))
