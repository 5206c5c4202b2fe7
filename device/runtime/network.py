"""The network of an acquired card: its NIC on device memory, and the traffic as activity of the card.

    network = card.network
    region = network.register(buffer)
    pair = network.nic.create_qp(port, network.nic.create_cq())

A port that carries traffic is busy without a pause on the card's time line: that is what its power follows from.
"""

from __future__ import annotations

import contextlib
import threading

import numpy as np
from numpy.typing import NDArray

from device.cost import nic_busy_bytes_per_s
from device.engine_class import EngineShares
from device.errors import DeviceError, LaunchError
from device.fabric import Access, MemoryRegion, Nic
from device.runtime.buffer import DeviceBuffer
from device.runtime.session import Session

__all__ = ["Network"]

_ALL = Access.LOCAL_WRITE | Access.REMOTE_WRITE | Access.REMOTE_READ

_NOT_CONNECTED = -2

# How long the watching thread waits for a change at a time.
_LOOK_MS = 500


class Network:
    """Made by Card.network; ends with the card."""

    def __init__(self, session: Session) -> None:
        if session.is_paced:
            raise LaunchError("in model mode no bytes move, so there is no network; acquire the card in compute mode")
        self._session = session
        self.nic = Nic(session.box, session.card, session.spec)
        self.nic.read_gate = self._read
        self._is_closing = threading.Event()
        self._watch_thread = threading.Thread(target=self._watch, name="gaudi-network", daemon=True)
        self._watch_thread.start()

    @property
    def ports(self) -> tuple[int, ...]:
        """Those that the board connects, inside or outside of the server."""
        return tuple(port for port in range(self.nic.port_count) if self.cable(port)[0] != _NOT_CONNECTED)

    def cable(self, port: int) -> tuple[int, int]:
        """Module id (-1: out of the server) and port at the other end."""
        return self._session.card.cable(port)

    def counters(self, port: int) -> dict[str, int]:
        """By the driver's names."""
        return self._session.card.port_counters(port)

    def register(self, buffer: DeviceBuffer, access: Access = _ALL) -> MemoryRegion:
        """A whole buffer as a memory region. It must not be freed before it is deregistered."""
        view = self._session.memory.resolve(buffer.address, buffer.size_bytes)
        return self.nic.register(view, buffer.address, access)

    def deregister(self, region: MemoryRegion) -> None:
        self.nic.deregister(region)

    def _read(self, address: int, size_bytes: int) -> NDArray[np.uint8] | None:
        """Through the broken cells of the memory, if it has any. EccError, which the post of the request raises."""
        session = self._session
        session.faults.refresh()
        if not session.faults.has_faults:
            return None
        try:
            stored = session.memory.resolve(address, size_bytes)
        except LaunchError:
            return None  # the request ends in a protection error
        found = np.empty_like(stored)
        session.memory_at(address).read(address, found)
        return None if np.array_equal(found, stored) else found

    def close(self) -> None:
        self._is_closing.set()
        self.nic.stop_waiting()
        self._watch_thread.join()
        self.nic.close()

    def _watch(self) -> None:
        seen = 0
        while not self._is_closing.is_set():
            busy = self.nic.wait_busy(seen, _LOOK_MS)
            if busy != seen:
                self._show(busy)
            seen = busy
        if seen:
            self._show(0)

    def _show(self, busy: int) -> None:
        with contextlib.suppress(DeviceError):  # a card that is gone shows nothing
            if busy:
                self._session.activity.begin(self, self._shares(busy.bit_count()))
            else:
                self._session.activity.end(self)

    def _shares(self, ports: int) -> EngineShares:
        """Of full duplex ports: what is sent is read from the HBM, what is received written."""
        spec = self._session.spec
        hbm = 2 * nic_busy_bytes_per_s(ports, spec) / spec.hbm.bytes_per_s
        return EngineShares(nic=ports / spec.nic.ports, hbm=min(hbm, 1.0))
