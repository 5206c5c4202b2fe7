"""The NIC of a held card: its thread, ports, memory regions and completion queues (csrc/fabric/fabric.h).

FabricError says what the NIC refuses. Any thread may call anything but `Nic.close`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from device._device import ffi, lib
from device.card import Box, CardState
from device.cost import nic_ps_per_byte
from device.errors import FabricError
from device.fabric.verbs import Access, PortAddress, WcOpcode, WcStatus, WorkCompletion
from device.spec import AsicSpec

if TYPE_CHECKING:
    from device.fabric.queue_pair import QueuePair

__all__ = ["CompletionQueue", "MemoryRegion", "Nic", "PortUsage", "checked"]

# C data has no useful static type.
CData = Any

# Address and size of a local read; other bytes than those that are stored, or None.
ReadGate = Callable[[int, int], "NDArray[np.uint8] | None"]

_PS = 1e-12
_BATCH = 64
_FLAG_IMM = 2


def checked(call: Callable[..., int], *arguments: object) -> None:
    """Call a function of fabric.h whose last parameter is a gaudi_error."""
    error = ffi.new("gaudi_error *")
    if call(*arguments, error) != 0:
        raise FabricError(bytes(ffi.string(error.text)).decode("utf-8", "backslashreplace"))


@dataclass(frozen=True, slots=True)
class MemoryRegion:
    """Registered bytes; `key` is lkey and rkey in one. Addresses are device addresses."""

    address: int
    size_bytes: int
    key: int
    access: Access


@dataclass(frozen=True, slots=True)
class PortUsage:
    """What a port has done since the NIC was opened. In device time it was sending for `busy_s`, and for `stalled_s` it
    waited for answers that did not come."""

    tx_wire_bytes: int
    rx_wire_bytes: int
    tx_packets: int
    rx_packets: int
    retransmitted_packets: int
    timeouts: int
    crc_errors: int
    bit_errors: int
    busy_s: float
    stalled_s: float

    def since(self, earlier: PortUsage) -> PortUsage:
        """What was added."""
        return PortUsage(*(now - before for now, before in zip(astuple(self), astuple(earlier), strict=True)))


class Nic:
    """Of one held card. The memory of a region must stay valid until it is deregistered or the NIC closed."""

    def __init__(self, box: Box, card: CardState, spec: AsicSpec) -> None:
        config = ffi.new("gaudi_nic_config *", (nic_ps_per_byte(spec), spec.nic.latency_ns * 1000))
        raw = ffi.new("gaudi_nic **")
        checked(lib.gaudi_nic_open, raw, box.handle, card.handle, config)
        self._raw: CData = raw[0]
        self._bytes: dict[int, NDArray[np.uint8]] = {}
        self._queues: list[CompletionQueue] = []
        self._pairs: list[QueuePair] = []
        self.read_gate: ReadGate | None = None
        """What a local read gets where the memory itself is wrong: its own bytes (None), or others; may raise."""
        self._spoiled: dict[tuple[int, int], MemoryRegion] = {}
        self.module = card.identity.module_id
        self.port_count = card.identity.port_count
        self.mtu = spec.nic.mtu_bytes

    @property
    def raw(self) -> CData:
        """The gaudi_nic. FabricError once it is closed."""
        if self._raw is None:
            raise FabricError("the NIC is closed; open the network of the card again")
        return self._raw

    def port_address(self, port: int) -> PortAddress:
        """The own address of a port."""
        return PortAddress(self.module, port)

    def links_up(self) -> frozenset[int]:
        """Ports whose link is up now."""
        up = lib.gaudi_nic_links_up(self.raw)
        return frozenset(port for port in range(self.port_count) if up >> port & 1)

    def usage(self, port: int) -> PortUsage:
        """ValueError for a port that the card does not have."""
        raw = ffi.new("gaudi_nic_port_usage *")
        if lib.gaudi_nic_usage(self.raw, port, raw) != 0:
            raise ValueError(f"there is no port {port}; the card has {self.port_count}, from 0 on")
        return PortUsage(
            tx_wire_bytes=raw.tx_wire_bytes,
            rx_wire_bytes=raw.rx_wire_bytes,
            tx_packets=raw.tx_packets,
            rx_packets=raw.rx_packets,
            retransmitted_packets=raw.retransmitted_packets,
            timeouts=raw.timeouts,
            crc_errors=raw.crc_errors,
            bit_errors=raw.bit_errors,
            busy_s=raw.busy_ps * _PS,
            stalled_s=raw.stalled_ps * _PS,
        )

    def device_time_s(self) -> float:
        """The latest device time that a completion has reached."""
        return float(lib.gaudi_nic_device_ps(self.raw)) * _PS

    def wait_busy(self, seen: int, timeout_ms: int) -> int:
        """Until another set of ports than `seen` (a bit each) carries traffic; the set of now."""
        return int(lib.gaudi_nic_wait_busy(self.raw, seen, timeout_ms))

    def stop_waiting(self) -> None:
        """From now on wait_busy returns at once."""
        lib.gaudi_nic_stop_waiting(self.raw)

    def register(self, view: NDArray[np.uint8], address: int, access: Access, pd: int = 0) -> MemoryRegion:
        """Make bytes known under device addresses; the region keeps the view alive."""
        key = ffi.new("uint32_t *")
        pointer = ffi.from_buffer("uint8_t[]", view, require_writable=True)
        checked(lib.gaudi_mr_register, self.raw, pd, pointer, address, view.size, int(access), key)
        self._bytes[key[0]] = view
        return MemoryRegion(address, view.size, key[0], access)

    def deregister(self, region: MemoryRegion) -> None:
        """Queue pairs that are using it right now go to ERR."""
        checked(lib.gaudi_mr_deregister, self.raw, region.key)
        del self._bytes[region.key]

    def readable(self, region: MemoryRegion, address: int, size_bytes: int) -> MemoryRegion:
        """Where a send request finds what a read of this range gives: the region itself, but for broken memory."""
        if self.read_gate is None or size_bytes == 0:
            return region
        found = self.read_gate(address, size_bytes)
        if found is None:
            return region
        kept = self._spoiled.get((address, size_bytes))
        if kept is None:
            kept = self._spoiled[address, size_bytes] = self.register(found, address, region.access)
        else:
            self._bytes[kept.key][:] = found
        return kept

    def create_cq(self, depth: int = 256) -> CompletionQueue:
        queue = CompletionQueue(self, depth)
        self._queues.append(queue)
        return queue

    def create_qp(
        self,
        port: int,
        send_cq: CompletionQueue,
        recv_cq: CompletionQueue | None = None,
        *,
        max_send_wr: int = 128,
        max_recv_wr: int = 128,
        pd: int = 0,
    ) -> QueuePair:
        """An RC queue pair on a port, in RESET. Without a queue of its own, receives complete with the sends."""
        from device.fabric.queue_pair import QueuePair

        pair = QueuePair(self, port, (send_cq, recv_cq or send_cq), (max_send_wr, max_recv_wr), pd)
        self._pairs.append(pair)
        return pair

    def forget(self, pair: QueuePair) -> None:
        """Of a pair that is destroyed."""
        with contextlib.suppress(ValueError):
            self._pairs.remove(pair)

    def close(self) -> None:
        """End its thread; queue pairs, queues and regions end with it. A second call does nothing."""
        if self._raw is None:
            return
        for pair in list(self._pairs):
            pair.destroy()
        for queue in self._queues:
            queue.destroy()
        self._queues.clear()
        lib.gaudi_nic_close(self._raw)
        self._raw = None
        self._bytes.clear()
        self._spoiled.clear()


class CompletionQueue:
    """Made by Nic.create_cq."""

    def __init__(self, nic: Nic, depth: int) -> None:
        raw = ffi.new("gaudi_cq **")
        checked(lib.gaudi_cq_create, raw, nic.raw, depth)
        self._raw: CData = raw[0]
        self._batch = ffi.new("gaudi_wc[]", _BATCH)

    @property
    def raw(self) -> CData:
        """The gaudi_cq. FabricError once it is destroyed."""
        if self._raw is None:
            raise FabricError("the completion queue is destroyed")
        return self._raw

    def poll(self, most: int = _BATCH) -> list[WorkCompletion]:
        """What has completed, oldest first, without waiting. FabricError if the queue was too short for what came."""
        count = lib.gaudi_cq_poll(self.raw, self._batch, min(most, _BATCH))
        if count < 0:
            raise FabricError("completions were lost because the queue was full; create it with a larger depth")
        return [_completion(self._batch[i]) for i in range(count)]

    def wait(self, timeout_s: float = 10.0, most: int = _BATCH) -> list[WorkCompletion]:
        """The same, after waiting for the first one; empty at the timeout. Other threads of Python run meanwhile."""
        if lib.gaudi_cq_wait(self.raw, max(0, min(round(timeout_s * 1000), 2**31))) != 0:
            return []
        return self.poll(most)

    def completions(self, count: int, timeout_s: float = 30.0) -> Iterator[WorkCompletion]:
        """The next `count` ones as they come. FabricError if none comes for `timeout_s`."""
        while count > 0:
            found = self.wait(timeout_s, count)
            if not found:
                raise FabricError(f"{count} completions are missing, and none came within {timeout_s:g} s")
            yield from found
            count -= len(found)

    def destroy(self) -> None:
        """FabricError while a queue pair uses it."""
        if self._raw is not None:
            checked(lib.gaudi_cq_destroy, self._raw)
            self._raw = None


def _completion(raw: CData) -> WorkCompletion:
    return WorkCompletion(
        wr_id=raw.wr_id,
        status=WcStatus(raw.status),
        opcode=WcOpcode(raw.opcode),
        byte_len=raw.byte_len,
        qp_num=raw.qp_num,
        imm_data=raw.imm_data if raw.flags & _FLAG_IMM else None,
        start_s=raw.start_ps * _PS,
        end_s=raw.end_ps * _PS,
    )
