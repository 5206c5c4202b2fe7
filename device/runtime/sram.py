"""The scratchpad of a held card: buffers that somebody allocated there, and below them the part that recipes share.

A recipe that uses the scratchpad has its part for itself while it runs; contents do not outlive a launch, so nothing is
ever saved or restored. Another launch that wants it waits, as launches that want the same engine do; one that does not
use it runs beside.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import numpy as np

from device.errors import OutOfDeviceMemoryError, RecipeError
from device.memory import Bytes, DeviceMemory, HostLimits
from device.spec import SramKind, SramSpec

__all__ = ["Sram"]


class Sram:
    """Of one session. Any thread. `memory` is None where the SRAM is a cache, which has no addresses of its own."""

    def __init__(self, spec: SramSpec, limits: Callable[[], HostLimits]) -> None:
        self._usable_bytes = spec.size_bytes - spec.reserved_bytes if spec.kind is SramKind.SCRATCHPAD else 0
        self._lock = threading.Lock()
        self._shared_bytes = 0
        self.base = spec.base_address + spec.reserved_bytes
        self.memory: DeviceMemory | None = None
        if self._usable_bytes:
            self.memory = DeviceMemory(self.base, self._usable_bytes, limits, lambda used_bytes: None)

    def check(self, recipe: str, size_bytes: int) -> None:
        """Make room for a recipe. RecipeError for one that wants more than there is, or than buffers leave."""
        if size_bytes > self._usable_bytes:
            raise RecipeError(f"recipe {recipe} uses {size_bytes} B of SRAM, the card offers {self._usable_bytes}")
        if self.memory is None or size_bytes <= self._shared_bytes:
            return
        with self._lock:
            if self._shared_bytes:
                self.memory.free(self.base)
            self._shared_bytes = self._taken(size_bytes) or self._taken(self._shared_bytes)
        if self._shared_bytes < size_bytes:
            raise RecipeError(f"recipe {recipe} uses {size_bytes} B of SRAM, but buffers lie there; free them first")

    def view(self, size_bytes: int) -> Bytes:
        """The first bytes that a recipe may use. Views of a part that has grown since see the same bytes."""
        if self.memory is None or size_bytes == 0:
            return np.empty(0, np.uint8)
        return self.memory.resolve(self.base, size_bytes)

    @contextlib.contextmanager
    def exclusive(self, size_bytes: int) -> Iterator[None]:
        """Until the end of the block nobody else has it; of no bytes: nothing to wait for."""
        if size_bytes == 0:
            yield
            return
        with self._lock:
            yield

    def close(self) -> None:
        if self.memory is not None:
            self.memory.close()

    def _taken(self, size_bytes: int) -> int:
        """Those bytes at the bottom, or 0."""
        if self.memory is None or size_bytes == 0:
            return 0
        try:
            address = self.memory.allocate(size_bytes)
        except OutOfDeviceMemoryError:
            return 0
        if address == self.base:
            return size_bytes
        self.memory.free(address)
        return 0
