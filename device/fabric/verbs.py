"""The vocabulary of the verbs, as data: states, rights, opcodes, statuses, completions. Values as in libibverbs."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = [
    "Access",
    "Opcode",
    "PortAddress",
    "QpAddress",
    "QpState",
    "WcOpcode",
    "WcStatus",
    "WorkCompletion",
]


class QpState(enum.IntEnum):
    """Of a queue pair. SQE belongs to unreliable transports; an RC queue pair never enters it."""

    RESET = 0
    INIT = 1
    RTR = 2
    RTS = 3
    SQD = 4
    SQE = 5
    ERR = 6


class Access(enum.IntFlag):
    """What may be done to a memory region, or by a peer through a queue pair. Remote write needs local write."""

    NONE = 0
    LOCAL_WRITE = 1
    REMOTE_WRITE = 2
    REMOTE_READ = 4


class Opcode(enum.IntEnum):
    """What a send request does."""

    RDMA_WRITE = 0
    RDMA_WRITE_WITH_IMM = 1
    SEND = 2
    SEND_WITH_IMM = 3
    RDMA_READ = 4


class WcStatus(enum.IntEnum):
    """How a work request ended."""

    SUCCESS = 0
    LOC_LEN_ERR = 1
    LOC_QP_OP_ERR = 2
    LOC_PROT_ERR = 4
    WR_FLUSH_ERR = 5
    BAD_RESP_ERR = 7
    LOC_ACCESS_ERR = 8
    REM_INV_REQ_ERR = 9
    REM_ACCESS_ERR = 10
    REM_OP_ERR = 11
    RETRY_EXC_ERR = 12
    RNR_RETRY_EXC_ERR = 13

    @property
    def text(self) -> str:
        """What it means, for messages."""
        return _STATUS_TEXTS[self]


_STATUS_TEXTS = {
    WcStatus.SUCCESS: "success",
    WcStatus.LOC_LEN_ERR: "the message is longer than the receive buffer",
    WcStatus.LOC_QP_OP_ERR: "local queue pair error",
    WcStatus.LOC_PROT_ERR: "the local buffer is not in a memory region with the rights for it",
    WcStatus.WR_FLUSH_ERR: "flushed, because the queue pair went to ERR",
    WcStatus.BAD_RESP_ERR: "a response that does not fit its request",
    WcStatus.LOC_ACCESS_ERR: "local access error",
    WcStatus.REM_INV_REQ_ERR: "the peer calls the request invalid (too long for its buffer?)",
    WcStatus.REM_ACCESS_ERR: "the peer's memory region does not allow it",
    WcStatus.REM_OP_ERR: "the peer could not carry it out",
    WcStatus.RETRY_EXC_ERR: "no answer after all retries (link down, or nobody there)",
    WcStatus.RNR_RETRY_EXC_ERR: "the peer has posted no receive request",
}


class WcOpcode(enum.IntEnum):
    """Which kind of request a completion is for."""

    SEND = 0
    RDMA_WRITE = 1
    RDMA_READ = 2
    RECV = 128
    RECV_RDMA_WITH_IMM = 129


@dataclass(frozen=True, slots=True)
class PortAddress:
    """A port in the box: what a GID is in a network. `module` is the card's module id."""

    module: int
    port: int

    def __str__(self) -> str:
        return f"{self.module}:{self.port}"


@dataclass(frozen=True, slots=True)
class QpAddress:
    """What the other side must know of a queue pair: it is exchanged out of band, as with the verbs."""

    port: PortAddress
    qp_num: int
    psn: int


@dataclass(frozen=True, slots=True)
class WorkCompletion:
    """`start_s` and `end_s` are device time, from the first packet to the acknowledgement (of a read, its last byte); 0
    for receives. `imm_data` is None if the message had none."""

    wr_id: int
    status: WcStatus
    opcode: WcOpcode
    byte_len: int
    qp_num: int
    imm_data: int | None
    start_s: float
    end_s: float

    @property
    def is_success(self) -> bool:
        return self.status is WcStatus.SUCCESS

    @property
    def device_s(self) -> float:
        """How long the device needed."""
        return self.end_s - self.start_s
