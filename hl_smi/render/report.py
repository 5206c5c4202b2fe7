"""The -q and -L report. Lines are indented with TABs; behind the key the colon stands at display column 40. Pure.

Programs strip TABs and then match at the start of the line, so blanks would break them.
"""

from __future__ import annotations

from hl_smi.render.text import MISSING, one_line

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hl_smi.query.report import DeviceReport, Line, Report

__all__ = ["device_heading", "key_value", "render_report"]

_COLON_COLUMN = 40
_TAB = 8


def render_report(report: Report) -> str:
    """The whole report; an empty line before it and between cards."""
    head = (
        "",
        "================ HL-SMI LOG ================",
        "",
        key_value(0, "Timestamp", report.timestamp),
        key_value(0, "Driver Version", report.driver_version),
        key_value(0, "HL-SMI Version", report.tool_version),
        "",
        key_value(0, "Attached AIPs", str(report.attached_count)),
    )
    blocks = ["\n".join(head), *(_device(device) for device in report.devices)]
    return "\n\n".join(blocks) + "\n"


def device_heading(index: int, minor: int, bus_id: str) -> str:
    """The line above everything that belongs to one card."""
    return f"[{index}] AIP (accel{minor}) {one_line(bus_id)}"


def key_value(depth: int, key: str, value: str | None) -> str:
    """One line at a depth of TABs; a key that is too wide loses its end, so that the colon stays in its column."""
    width = _COLON_COLUMN - _TAB * depth
    text = MISSING if value is None or not value.strip() else one_line(value)
    return "\t" * depth + one_line(key)[:width].ljust(width) + ": " + text


def _device(device: DeviceReport) -> str:
    return "\n".join(
        [device_heading(device.index, device.minor, device.bus_id), *(_line(line) for line in device.lines)]
    )


def _line(line: Line) -> str:
    return "\t" * line.depth + line.key if line.is_heading else key_value(line.depth, line.key, line.value)
