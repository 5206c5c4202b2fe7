"""Device memory of one card: its address space, and the host memory behind what is allocated.

address_space.py decides where (pure), host_budget.py whether the host can afford it (a pure rule, and a reader of the
limits), device_memory.py holds the contents. The contents belong to the process that holds the card and die with it.
"""

from device.memory.address_space import ALIGNMENT, AddressSpace, Block
from device.memory.device_memory import UNIT_BYTES, Bytes, DeviceMemory
from device.memory.host_budget import HostLimits, Room, host_room, read_host_limits

__all__ = [
    "ALIGNMENT",
    "UNIT_BYTES",
    "AddressSpace",
    "Block",
    "Bytes",
    "DeviceMemory",
    "HostLimits",
    "Room",
    "host_room",
    "read_host_limits",
]
