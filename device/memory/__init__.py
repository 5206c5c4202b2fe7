"""Device memory of one card: its address space, what lies there, and the host memory behind what is allocated.

address_map.py    where an address lies in the HBM: stack, channel, bank, row, column (pure)
address_space.py  which addresses are taken (pure)
host_budget.py    whether the host can afford more: a pure rule, and a reader of the limits
pattern.py        data that depends on its position alone: made and checked by csrc/kernels
backing.py        bytes, or a pattern where nobody needs bytes
device_memory.py  the contents; they belong to the process that holds the card and die with it
    cells.py          broken cells: a table, and what they do to what is read (pure)
    faulty_memory.py  the contents as engines find them, through the broken cells
"""

from device.address_map import AddressMap, HbmLocation, HbmRow
from device.memory.address_space import ALIGNMENT, AddressSpace, Block
from device.memory.backing import move
from device.memory.cells import Cell, CellKind, FaultyCells, alias_cells, burst_cell, stuck_cells, word_cell
from device.memory.device_memory import UNIT_BYTES, Bytes, DeviceMemory
from device.memory.faulty_memory import FaultyMemory, Range
from device.memory.host_budget import HostLimits, Room, host_room, read_host_limits
from device.memory.pattern import Mismatch, Mismatches, Pattern, PatternKind, compare

__all__ = [
    "ALIGNMENT",
    "UNIT_BYTES",
    "AddressMap",
    "AddressSpace",
    "Block",
    "Bytes",
    "Cell",
    "CellKind",
    "DeviceMemory",
    "FaultyCells",
    "FaultyMemory",
    "HbmLocation",
    "HbmRow",
    "HostLimits",
    "Mismatch",
    "Mismatches",
    "Pattern",
    "PatternKind",
    "Range",
    "Room",
    "alias_cells",
    "burst_cell",
    "compare",
    "host_room",
    "move",
    "read_host_limits",
    "stuck_cells",
    "word_cell",
]
