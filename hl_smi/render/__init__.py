"""Plain rows -> text, one renderer a file. Pure: no clock, no environment, no output. Called by `pages`.

Only here does a missing value become N/A, and a name from outside one printable line.
"""

from __future__ import annotations

__all__: list[str] = []
