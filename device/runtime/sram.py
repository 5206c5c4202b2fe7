"""The scratchpad of a held card: a recipe that uses it has it for itself while it runs.

Its contents do not outlive a launch, so nothing is ever saved or restored. Another launch that wants it waits, as
launches that want the same engine do; one that does not use it runs beside.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import numpy as np

from device.errors import RecipeError
from device.memory import Bytes
from device.spec import SramKind, SramSpec

__all__ = ["Sram"]


class Sram:
    """Of one session. Any thread."""

    def __init__(self, spec: SramSpec) -> None:
        is_scratchpad = spec.kind is SramKind.SCRATCHPAD
        self._usable_bytes = spec.size_bytes - spec.reserved_bytes if is_scratchpad else 0
        self._lock = threading.Lock()
        self._data: Bytes = np.empty(self._usable_bytes, np.uint8)  # pages that nobody touches cost nothing

    def check(self, recipe: str, size_bytes: int) -> None:
        """RecipeError for a recipe that wants more than there is."""
        if size_bytes > self._usable_bytes:
            raise RecipeError(f"recipe {recipe} uses {size_bytes} B of SRAM, the card offers {self._usable_bytes}")

    def view(self, size_bytes: int) -> Bytes:
        """The first bytes that a recipe may use."""
        return self._data[:size_bytes]

    @contextlib.contextmanager
    def exclusive(self, size_bytes: int) -> Iterator[None]:
        """Until the end of the block nobody else has it; of no bytes: nothing to wait for."""
        if size_bytes == 0:
            yield
            return
        with self._lock:
            yield
