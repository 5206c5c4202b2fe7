"""The last values of every card, for the sparklines of `top`. One owner: `run`."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from hl_smi.top.cards import CardRow

__all__ = ["History"]

# More than any terminal has columns for three sparklines.
_LENGTH = 240


class History:
    """Shares 0..1 of utilisation, power and temperature, oldest first."""

    def __init__(self) -> None:
        self._of_card: dict[int, tuple[deque[float], deque[float], deque[float]]] = {}

    def add(self, rows: Sequence[CardRow]) -> None:
        """One value more of each card."""
        for row in rows:
            if row.index not in self._of_card:
                self._of_card[row.index] = (deque(maxlen=_LENGTH), deque(maxlen=_LENGTH), deque(maxlen=_LENGTH))
            utilization, power, temperature = self._of_card[row.index]
            utilization.append(0.0 if row.is_lost else row.utilization_percent / 100)
            power.append(0.0 if row.is_lost else row.power_w / max(row.cap_w, 1))
            temperature.append(0.0 if row.is_lost else row.temperature_c / max(row.critical_c, 1.0))

    def of(self, index: int) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
        """Utilisation, power, temperature of one card; empty for a card that was never added."""
        utilization, power, temperature = self._of_card.get(index, ((), (), ()))
        return tuple(utilization), tuple(power), tuple(temperature)
