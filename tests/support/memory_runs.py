"""Memory tests on a card in this process: the plugin as a runner would call it, with little of the HBM left free."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from device.card import Box
from device.runtime import Card, DeviceBuffer
from hl_qual.findings import DeviceId
from hl_qual.limits import load_limits
from hl_qual.outcome import Outcome
from hl_qual.plugins import BUILT_IN, load
from hl_qual.plugins.api import Job, Preparation, RunContext

__all__ = ["MemoryRun", "memory_run"]


class MemoryRun:
    """One card of a box. `free` is where the plugin's allocations will lie."""

    def __init__(self, box: Box, card: Card, directory: Path, free: DeviceBuffer) -> None:
        self.box = box
        self.card = card
        self.free = free
        self._directory = directory
        self.lines: list[str] = []
        self.shares: list[float] = []

    def __call__(self, plugin: str, iterations: int | None = None, duration_s: float = 0.2, **switches: Any) -> Outcome:
        """Outcome; `switches` are words without their hyphen, True for a flag."""
        family = self.card.spec.name
        limits = {name: limit.value for name, limit in load_limits(family)[plugin].items()}
        words = {f"-{word}": None if value is True else value for word, value in switches.items()}
        instance = load(BUILT_IN[plugin])
        job = Job(
            plugin=plugin,
            reference="",
            family=family,
            device_index=self.card.index,
            device=DeviceId("AM1", "0000:19:00.0", 0),
            duration_s=duration_s,
            iterations=iterations,
            seed=3,
            limits=limits,
            directory=str(self._directory),
            switches=words,
        )
        instance.prepare(Preparation(self._directory, family, 3, limits, lambda: False, words))
        ctx = RunContext(job, self.card, self.lines.append, self.shares.append, self.box.now_ns)
        instance.init(ctx)
        return instance.run(ctx)


@contextmanager
def memory_run(path: Path, directory: Path, free_bytes: int, budget_bytes: int) -> Iterator[MemoryRun]:
    """Card 0 of the box at `path`, with so many bytes of HBM free and so many of the host to back them."""
    with Box.open(path) as box, Card.acquire(0, box, memory_budget_bytes=budget_bytes) as card:
        taken = card.largest_free_bytes - free_bytes
        card.malloc(taken, is_sparse=True)
        probe = card.malloc(free_bytes, is_sparse=True)
        card.free(probe)
        yield MemoryRun(box, card, directory, probe)
