"""Columns and rows of --query-compute-apps: one row for each process that holds a card.

The vendor's tool has no such query; rows and columns follow the rules of -Q. Drawn by `render.csv`. What the caller may
not see of a process of somebody else is None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hl_smi.fields import Value
    from hlml.types import DeviceSnapshot, ProcessInfo

__all__ = ["UNITS", "process_memory_mib", "processes_of", "query_processes"]

_MIB = 1024 * 1024

# The unit of each field that has one.
UNITS = {"used_memory": "MiB"}

_VALUES: dict[str, Callable[[DeviceSnapshot, ProcessInfo], Value]] = {
    "index": lambda card, process: card.index,
    "bus_id": lambda card, process: card.pci.bus_id,
    "module_id": lambda card, process: card.module_id,
    "uuid": lambda card, process: card.uuid,
    "name": lambda card, process: card.name,
    "pid": lambda card, process: process.pid,
    "process_name": lambda card, process: process.comm,
    # The only type there is: a compute process.
    "type": lambda card, process: "C",
    "used_memory": lambda card, process: process_memory_mib(card, process),
}


def query_processes(names: Sequence[str], snapshots: Sequence[DeviceSnapshot]) -> tuple[tuple[Value, ...], ...]:
    """The asked `names` of every process of every card, by card, then by pid."""
    return tuple(
        tuple(_VALUES[name](card, process) for name in names) for card in snapshots for process in processes_of(card)
    )


def processes_of(card: DeviceSnapshot) -> tuple[ProcessInfo, ...]:
    """By pid; those whose pid the caller may not see come last."""
    return tuple(sorted(card.processes, key=lambda process: (process.pid is None, process.pid or 0)))


def process_memory_mib(card: DeviceSnapshot, process: ProcessInfo) -> int:
    """What the real tool shows for the one process that a card can have: all that is used above the idle level."""
    if len(card.processes) == 1:
        return max(card.memory_used_bytes - card.memory_reserved_bytes, 0) // _MIB
    return process.memory_bytes // _MIB
