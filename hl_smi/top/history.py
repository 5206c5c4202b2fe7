"""The last values of every card, for the sparklines of `top`. One owner: `run`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from hl_smi.top.cards import CardRow

__all__ = ["MEASURES", "History"]

# More than any terminal has columns for one sparkline.
_LENGTH = 240

# What is remembered, the most wanted first, each as a share 0..1 of its full scale.
MEASURES: dict[str, Callable[[CardRow], float]] = {
    "util": lambda row: row.utilization_percent / 100,
    "power": lambda row: row.power_w / max(row.cap_w, 1),
    "temp": lambda row: row.temperature_c / max(row.critical_c, 1.0),
    "clock": lambda row: row.clock_mhz / max(row.clock_max_mhz, 1),
    "mem": lambda row: row.memory_percent / 100,
}


class History:
    """Shares 0..1 of every measure, oldest first."""

    def __init__(self) -> None:
        self._of_card: dict[int, dict[str, deque[float]]] = {}

    def add(self, rows: Sequence[CardRow]) -> None:
        """One value more of each card; a lost card has none of anything."""
        for row in rows:
            kept = self._of_card.setdefault(row.index, {name: deque(maxlen=_LENGTH) for name in MEASURES})
            for name, share in MEASURES.items():
                kept[name].append(0.0 if row.is_lost else share(row))

    def of(self, index: int, name: str) -> tuple[float, ...]:
        """One measure of one card; empty for a card that was never added."""
        return tuple(self._of_card.get(index, {}).get(name, ()))
