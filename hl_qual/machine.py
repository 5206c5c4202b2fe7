"""The cards as hl_qual sees them, and the one place that talks to hlml. Tests bring a machine of their own.

Translates hlml's errors once: a library that cannot start is NotExecutedError, a card that cannot be read is None.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from hl_qual.errors import NotExecutedError
from hlml.types import BoxInfo, DeviceSnapshot

__all__ = ["HlmlMachine", "Machine"]


class Machine(Protocol):
    """One server with cards."""

    def box(self) -> BoxInfo:
        """What the server calls itself, and the rate of its clock now."""

    def device_count(self) -> int:
        """Number of cards on the bus; `snapshot` takes 0 to this minus one."""

    def snapshot(self, index: int) -> DeviceSnapshot | None:
        """Everything about one card now; None if it does not answer. Any thread."""

    def cpus_of_node(self, node: int) -> str | None:
        """CPU list of a NUMA node of the host, such as "0-63"."""

    def host(self) -> str:
        """Host name without domain."""

    def kernel_log(self, since_ns: int) -> tuple[str, ...]:
        """Lines of the driver since this box time, as dmesg prints them."""


class HlmlMachine:
    """The machine of the box that hlml finds."""

    def __init__(self) -> None:
        import hlml

        try:
            hlml.init()
            self._devices = hlml.devices()
        except hlml.HlmlError as error:
            raise NotExecutedError("DRIVER", str(error)) from error
        self._error: type[Exception] = hlml.HlmlError
        self._box: Callable[[], BoxInfo] = hlml.box_info

    def box(self) -> BoxInfo:
        """BoxInfo of hlml; a box without its driver cannot be tested."""
        try:
            return self._box()
        except self._error as error:
            raise NotExecutedError("DRIVER", str(error)) from error

    def device_count(self) -> int:
        """Cards that hlml lists."""
        return len(self._devices)

    def snapshot(self, index: int) -> DeviceSnapshot | None:
        """One snapshot, or None on any error of the library."""
        try:
            return self._devices[index].snapshot()
        except self._error:
            return None

    def cpus_of_node(self, node: int) -> str | None:
        """From sysfs of the host."""
        try:
            return Path(f"/sys/devices/system/node/node{node}/cpulist").read_text(encoding="ascii").strip()
        except OSError:
            return None

    def kernel_log(self, since_ns: int) -> tuple[str, ...]:
        """Of the box; a log that cannot be read is a line that says so, since an empty one would look like peace."""
        from device.card import Box
        from device.errors import DeviceError
        from device.kernel_log import read_log, render_line

        try:
            with Box.open(for_writing=False) as box:
                return tuple(render_line(line, box) for line in read_log(box, since_ns))
        except (DeviceError, OSError) as error:
            return (f"the kernel log could not be read: {error}",)

    def host(self) -> str:
        """As uname has it, up to the first dot."""
        return socket.gethostname().split(".")[0]
