"""-n ports, -n link and -n stats: one colon a line. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hl_smi.render.report import device_heading
from hl_smi.render.text import MISSING

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hl_smi.query.nic import DevicePorts, PortRow

__all__ = ["render_links", "render_ports", "render_statistics"]


def render_ports(devices: Sequence[DevicePorts], has_headings: bool) -> str:
    """Internal or external. The number has no padding: health screens take what stands between the first two blanks."""
    return _listed(
        devices, has_headings, lambda port: f"port {port.port}:\t{'external' if port.is_external else 'internal'}"
    )


def render_links(devices: Sequence[DevicePorts], has_headings: bool) -> str:
    """Up or down, in the form of 1.23."""
    return _listed(devices, has_headings, lambda port: f"port {port.port:2d}:\t{'UP' if port.is_up else 'DOWN'}")


def render_statistics(devices: Sequence[DevicePorts], has_headings: bool) -> str:
    """A line for the port, then `name: value` behind a TAB for each of its counters."""
    return _listed(devices, has_headings, _statistics)


def _statistics(port: PortRow) -> str:
    values = [f"\t{name}: {MISSING if value is None else value}" for name, value in port.counters]
    return "\n".join([f"port {port.port}:", *values])


def _listed(devices: Sequence[DevicePorts], has_headings: bool, lines_of: Callable[[PortRow], str]) -> str:
    lines: list[str] = []
    for device in devices:
        if has_headings:
            lines.append(device_heading(device.index, device.minor, device.bus_id))
        lines += [lines_of(port) for port in device.ports]
    return "".join(f"{line}\n" for line in lines)
