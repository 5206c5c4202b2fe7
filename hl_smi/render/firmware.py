"""--fw-versions, in the geometry of the report. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hl_smi.render.report import device_heading, key_value

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hl_smi.query.firmware import Component, DeviceFirmware

__all__ = ["render_firmware"]


def render_firmware(devices: Sequence[DeviceFirmware]) -> str:
    """All cards, an empty line between them."""
    return "\n".join(_device(device) for device in devices)


def _device(device: DeviceFirmware) -> str:
    lines = [device_heading(device.index, device.minor, device.bus_id)]
    for component in device.components:
        lines += _component(component)
    return "".join(f"{line}\n" for line in lines)


def _component(component: Component) -> list[str]:
    lines = [f"\t{component.name}", key_value(2, "component", component.version)]
    # An absent fw os is an empty value here, not N/A, in every published output.
    lines.append(key_value(2, "fw os", component.os) if component.os else "\t\t" + "fw os".ljust(24) + ":")
    if component.os.endswith("\n"):
        lines.append("")
    return lines + [key_value(3, name, version) for name, version in component.parts]
