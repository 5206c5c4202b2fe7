"""The fabric: verbs (RC) over the ports of a card, as a RoCE engineer knows them; the work is done by csrc/fabric.

    verbs.py      states, opcodes, statuses, requests and completions: plain data
    nic.py        the NIC of a held card: memory regions, completion queues, ports
    queue_pair.py queue pairs

Device memory and streams belong to the runtime, whose Network opens the NIC of an acquired card.
"""

from device.fabric.nic import CompletionQueue, MemoryRegion, Nic, PortUsage
from device.fabric.queue_pair import QueuePair
from device.fabric.verbs import (
    Access,
    Opcode,
    PortAddress,
    QpAddress,
    QpState,
    WcOpcode,
    WcStatus,
    WorkCompletion,
)

__all__ = [
    "Access",
    "CompletionQueue",
    "MemoryRegion",
    "Nic",
    "Opcode",
    "PortAddress",
    "PortUsage",
    "QpAddress",
    "QpState",
    "QueuePair",
    "WcOpcode",
    "WcStatus",
    "WorkCompletion",
]
