"""HLML for Python: typed access to the (emulated) Gaudi cards of this machine.

    >>> import hlml
    >>> with hlml.attached() as devices:
    ...     [device.name for device in devices][:2]
    ...     devices[0].snapshot().memory_total_bytes >> 20
    ['HL-225', 'HL-225']
    98304

Getters of `Device` call libhlml.so, as a C program would; `Device.snapshot()` takes everything of one moment at once.
Errors are exceptions of hlml.errors. This package loads neither numpy nor any tool.
"""

from __future__ import annotations

import os
import sys

# A package that lies in a checkout has no compiled part; that is in the installed package further down the path.
__path__ += [d for d in (os.path.join(p, "hlml") for p in sys.path) if d not in __path__ and os.path.isdir(d)]  # noqa: PTH112, PTH118

from hlml.device import Device, attached, box_info, device_count, devices, find_device, init, shutdown
from hlml.errors import (
    AlreadyInitializedError,
    BoxError,
    DeviceLostError,
    DriverNotLoadedError,
    HlmlError,
    InsufficientSizeError,
    InvalidArgumentError,
    NotFoundError,
    NotSupportedError,
    ReturnCode,
    UninitializedError,
)
from hlml.events import Event, EventKind, EventReader
from hlml.paths import include_dir, libdir
from hlml.types import BoxInfo, DeviceSnapshot
from hlml.version import installed_version

__all__ = [
    "AlreadyInitializedError",
    "BoxError",
    "BoxInfo",
    "Device",
    "DeviceLostError",
    "DeviceSnapshot",
    "DriverNotLoadedError",
    "Event",
    "EventKind",
    "EventReader",
    "HlmlError",
    "InsufficientSizeError",
    "InvalidArgumentError",
    "NotFoundError",
    "NotSupportedError",
    "ReturnCode",
    "UninitializedError",
    "attached",
    "box_info",
    "device_count",
    "devices",
    "find_device",
    "include_dir",
    "init",
    "installed_version",
    "libdir",
    "shutdown",
]
