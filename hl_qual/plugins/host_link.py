"""Transfers between host and card, checked: what memory_bw and pci_bw do with the link.

A window of host memory makes any amount of traffic, so that the test of a server needs little memory of its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from device.errors import EccError
from device.memory import compare
from device.runtime import MemorySpace

if TYPE_CHECKING:
    from device.runtime import DeviceBuffer, TransferResult
    from hl_qual.plugins.memory_bench import MemoryBench

__all__ = ["HostLink"]


class HostLink:
    """Two windows on the host and two buffers on the card, of the same size."""

    def __init__(self, bench: MemoryBench, size_bytes: int, seed: int, space: MemorySpace) -> None:
        self._bench = bench
        self._card = bench.card
        random = np.random.Generator(np.random.PCG64(seed))
        self._sent = random.integers(0, 2**64, size_bytes // 8, dtype=np.uint64).view(np.uint8)
        self._received = np.zeros(size_bytes, np.uint8)
        self._up, self._down = (self._card.malloc(size_bytes, space) for _ in range(2))
        self._streams = (self._card.create_stream(), self._card.create_stream())
        self._card.copy_to_device(self._down, self._sent).result()

    def upload(self, name: str) -> float:
        """Host to card, then read back without being timed, and compared. Bytes per device second."""
        rate = self._bench.timed(name, self._card.copy_to_device(self._up, self._sent).result())
        self._compare(self._up, lambda: self._card.copy_from_device(self._up, self._received).result())
        return rate

    def download(self, name: str) -> float:
        """Card to host, compared; infinite if an uncorrectable error has ended it, which is noted."""
        result = self._compare(self._down, lambda: self._card.copy_from_device(self._down, self._received).result())
        return float("inf") if result is None else self._bench.timed(name, result)

    def both(self, name: str) -> float:
        """Both directions at the same time; the sum of their bytes."""
        up = self._card.copy_to_device(self._up, self._sent, self._streams[0])
        down = self._card.copy_from_device(self._down, self._received, self._streams[1])
        result = self._compare(self._down, down.result)
        for stream in self._streams:
            with contextlib.suppress(EccError):  # noted already
                stream.synchronize()
        return float("inf") if result is None else self._bench.timed(name, (up.result(), result))

    def close(self) -> None:
        for buffer in (self._up, self._down):
            self._card.free(buffer)

    def _compare(self, source: DeviceBuffer, receive: Callable[[], TransferResult]) -> TransferResult | None:
        """What came from the card with what was sent to it; None if nothing came."""
        try:
            result = receive()
        except EccError as error:
            self._bench.note_error(error.address, str(error))
            return None
        self._bench.compared(compare(self._sent, self._received, source.address, most=64))
        self._received[:] = 0
        return result
