"""Which descriptors are known to have ended when another one starts: what queues and sync values promise together.

The compiler uses it to leave out waits that others imply, check.py to prove that none is missing.
"""

from __future__ import annotations

from device.engine_class import EngineClass
from device.recipe.descriptors import SyncPoint

__all__ = ["OrderTracker"]


class OrderTracker:
    """What is known to have ended when a descriptor starts: per queue, how many of its descriptors.

    Fed with descriptors in the order of the schedule. The compiler uses it to leave out waits that others imply.
    """

    def __init__(self) -> None:
        self._ended_after: dict[SyncPoint, dict[EngineClass, int]] = {}
        self._last: dict[EngineClass, SyncPoint] = {}
        self._count: dict[EngineClass, int] = {}

    def ended_before(self, engine: EngineClass, waits: tuple[SyncPoint, ...]) -> dict[EngineClass, int]:
        """Ended descriptors per queue when one with these waits starts next on `engine`."""
        known: dict[EngineClass, int] = {}
        previous = self._last.get(engine)
        for point in waits if previous is None else (previous, *waits):
            for queue, count in self._ended_after.get(point, {}).items():
                known[queue] = max(known.get(queue, 0), count)
        return known

    def add(self, engine: EngineClass, waits: tuple[SyncPoint, ...], signal: SyncPoint) -> None:
        ended = self.ended_before(engine, waits)
        self._count[engine] = self._count.get(engine, 0) + 1
        ended[engine] = self._count[engine]
        self._ended_after[signal] = ended
        self._last[engine] = signal
