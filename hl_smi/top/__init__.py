"""`hl-smi top`: snapshots -> rows (cards) + history -> lines (draw) -> the terminal (terminal), steered by keys.

Only `terminal` touches the terminal and only `run` loops; everything else is pure. Called by `cli`.
"""

from __future__ import annotations

__all__: list[str] = []
