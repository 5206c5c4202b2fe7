"""Queue pairs (RC): RESET -> INIT -> RTR -> RTS, work requests, and the way out by SQD, ERR or RESET."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from device._device import ffi, lib
from device.fabric.nic import CompletionQueue, MemoryRegion, Nic, checked
from device.fabric.verbs import Access, Opcode, PortAddress, QpAddress, QpState

__all__ = ["QueuePair"]

# Defaults of most verbs programs: 4.096 us x 2^14 = 67 ms a try, seven retries, endless patience with a slow receiver.
_TIMEOUT = 14
_RETRIES = 7
_RNR_RETRIES = 7
_RNR_TIMER_US = 640

_ALL_RIGHTS = Access.LOCAL_WRITE | Access.REMOTE_WRITE | Access.REMOTE_READ


class QueuePair:
    """Made by Nic.create_qp; in RESET then. FabricError for what a state does not allow."""

    def __init__(
        self,
        nic: Nic,
        port: int,
        queues: tuple[CompletionQueue, CompletionQueue],
        depths: tuple[int, int],
        pd: int,
    ) -> None:
        raw = ffi.new("gaudi_qp **")
        checked(lib.gaudi_qp_create, raw, nic.raw, pd, port, queues[0].raw, queues[1].raw, *depths)
        self._raw: Any = raw[0]
        self._nic = nic
        self._queues = queues  # they live at least as long
        self.number = int(lib.gaudi_qp_number(self._raw))
        self.port = port
        self.psn = secrets.randbits(24)

    @property
    def send_queue(self) -> CompletionQueue:
        """Where send requests complete."""
        return self._queues[0]

    @property
    def recv_queue(self) -> CompletionQueue:
        """Where receive requests complete."""
        return self._queues[1]

    @property
    def state(self) -> QpState:
        return QpState(lib.gaudi_qp_state_of(self._raw))

    @property
    def address(self) -> QpAddress:
        """To be told to the other side."""
        return QpAddress(PortAddress(self._nic.module, self.port), self.number, self.psn)

    @property
    def is_drained(self) -> bool:
        """In SQD, and nothing that was sent is open."""
        return bool(lib.gaudi_qp_is_drained(self._raw))

    def to_init(self, access: Access = _ALL_RIGHTS) -> None:
        """`access` is what the peer may do through this pair, on top of what its memory regions allow."""
        checked(lib.gaudi_qp_to_init, self._raw, int(access))

    def to_rtr(self, peer: QpAddress, mtu: int | None = None, rnr_timer_us: int = _RNR_TIMER_US) -> None:
        """Ready to receive from `peer`. The way is the cable of the port; a peer at the own port is a loopback."""
        path = ffi.new(
            "gaudi_qp_path *",
            (
                peer.port.module,
                peer.port.port,
                peer.qp_num,
                peer.psn,
                self._nic.mtu if mtu is None else mtu,
                rnr_timer_us,
            ),
        )
        checked(lib.gaudi_qp_to_rtr, self._raw, path)

    def to_rts(self, timeout: int = _TIMEOUT, retries: int = _RETRIES, rnr_retries: int = _RNR_RETRIES) -> None:
        """Ready to send. A packet is lost after 4.096 us x 2^timeout; seven RNR retries are without end."""
        checked(lib.gaudi_qp_to_rts, self._raw, ffi.new("gaudi_qp_timers *", (self.psn, timeout, retries, rnr_retries)))

    def connect(self, peer: QpAddress, mtu: int | None = None) -> None:
        """RESET to RTS with the defaults."""
        self.to_init()
        self.to_rtr(peer, mtu)
        self.to_rts()

    def to_state(self, state: QpState) -> None:
        """RTS -> SQD, SQD -> RTS, any -> ERR, any -> RESET."""
        checked(lib.gaudi_qp_to_state, self._raw, int(state))

    def write(
        self,
        source: MemoryRegion,
        rkey: int,
        remote_address: int,
        *,
        length: int | None = None,
        offset: int = 0,
        wr_id: int = 0,
        imm: int | None = None,
        is_signaled: bool = True,
    ) -> None:
        """RDMA write of `length` bytes (else the whole region) from `offset` on; `imm` takes a receive of the peer."""
        opcode = Opcode.RDMA_WRITE if imm is None else Opcode.RDMA_WRITE_WITH_IMM
        self._post(opcode, source, (offset, length), (remote_address, rkey), imm, wr_id, is_signaled)

    def read(
        self,
        destination: MemoryRegion,
        rkey: int,
        remote_address: int,
        *,
        length: int | None = None,
        offset: int = 0,
        wr_id: int = 0,
        is_signaled: bool = True,
    ) -> None:
        """RDMA read into the region from `offset` on."""
        where = (remote_address, rkey)
        self._post(Opcode.RDMA_READ, destination, (offset, length), where, None, wr_id, is_signaled)

    def send(
        self,
        source: MemoryRegion,
        *,
        length: int | None = None,
        offset: int = 0,
        wr_id: int = 0,
        imm: int | None = None,
        is_signaled: bool = True,
    ) -> None:
        """Into the oldest receive request of the peer."""
        opcode = Opcode.SEND if imm is None else Opcode.SEND_WITH_IMM
        self._post(opcode, source, (offset, length), (0, 0), imm, wr_id, is_signaled)

    def receive(self, destination: MemoryRegion, *, length: int | None = None, offset: int = 0, wr_id: int = 0) -> None:
        """Post a receive request."""
        size = destination.size_bytes - offset if length is None else length
        request = ffi.new("gaudi_recv_wr *", (wr_id, destination.address + offset, size, destination.key))
        checked(lib.gaudi_qp_post_recv, self._raw, request)

    def _post(
        self,
        opcode: Opcode,
        region: MemoryRegion,
        part: tuple[int, int | None],
        remote: tuple[int, int],
        imm: int | None,
        wr_id: int,
        is_signaled: bool,
    ) -> None:
        offset, length = part
        size = region.size_bytes - offset if length is None else length
        if opcode is not Opcode.RDMA_READ:
            region = replace(self._nic.readable(region, region.address + offset, size), address=region.address)
        request = ffi.new(
            "gaudi_send_wr *",
            (
                wr_id,
                int(opcode),
                is_signaled,
                region.address + offset,
                remote[0],
                size,
                region.key,
                remote[1],
                imm or 0,
            ),
        )
        checked(lib.gaudi_qp_post_send, self._raw, request)

    def destroy(self) -> None:
        """Its work is gone without completions. A second call does nothing."""
        if self._raw is not None:
            lib.gaudi_qp_destroy(self._raw)
            self._raw = None
            self._nic.forget(self)
