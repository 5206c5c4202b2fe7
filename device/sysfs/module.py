"""The module habanalabs: /sys/module/habanalabs, /proc/modules, and the debugfs directory of a card. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from device.sysfs.tree import READ_WRITE, WRITE, File, lines
from device.sysfs.view import BoxView, CardView

__all__ = ["PARAMETERS", "proc_modules_line", "render_debugfs", "render_module"]

# Parameters of the driver with their defaults. sim_mode is the driver's own mark of a simulated device.
PARAMETERS: Mapping[str, str] = {
    "timeout_locked": "30",
    "reset_on_lockup": "1",
    "memory_scrub": "0",
    "boot_error_status_mask": "0",
    "sim_mode": "1",
}
_SIZE_BYTES = 3145728  # of the module; assumed

# debugfs-driver-habanalabs of the kernel; no monitoring client reads them. An empty one has nothing to say here.
_DEBUGFS_TABLES = (
    "command_buffers", "command_submission", "command_submission_jobs", "dump_razwi_events",
    "dump_security_violations", "engines", "fw_security", "mmu", "mmu_error", "monitor_dump", "state_dump", "userptr",
    "userptr_lookup", "vm", "data_dma",
)  # fmt: skip
_DEBUGFS_NUMBERS = (
    "addr", "data32", "data64", "device_release_watchdog_timeout", "fw_binning_set", "i2c_addr", "i2c_bus", "i2c_data",
    "i2c_len", "i2c_reg", "led0", "led1", "led2", "memory_scrub_val", "psoc_wdog_disable", "set_power_state",
    "skip_reset_on_timeout", "stop_on_err",
)  # fmt: skip
_DEBUGFS_COMMANDS = ("device", "dma_size", "memory_scrub", "monitor_dump_trig")


def render_module(box: BoxView, parameters: Mapping[str, str]) -> dict[str, File]:
    """The files of /sys/module/habanalabs by name."""
    files = {
        "version": lines(box.driver_version),
        "initstate": lines("live"),
        "refcnt": lines(sum(card.is_held for card in box.cards)),
        "coresize": lines(_SIZE_BYTES),
        "taint": lines("OE"),
        "uevent": File(b"", WRITE),
    }
    return files | {f"parameters/{name}": lines(value) for name, value in (dict(PARAMETERS) | dict(parameters)).items()}


def proc_modules_line(box: BoxView) -> str:
    """The line of /proc/modules, what lsmod prints."""
    users = sum(card.is_held for card in box.cards)
    return f"habanalabs {_SIZE_BYTES} {users} - Live 0x0000000000000000 (OE)\n"


def render_debugfs(box: BoxView, card: CardView, parameters: Mapping[str, str]) -> dict[str, File]:
    """The files of /sys/kernel/debug/accel/<parent device> by name."""
    files = {name: File(b"") for name in _DEBUGFS_TABLES}
    files |= {name: lines(0, READ_WRITE) for name in _DEBUGFS_NUMBERS}
    files |= {name: File(b"", WRITE) for name in _DEBUGFS_COMMANDS}
    timeout = (dict(PARAMETERS) | dict(parameters))["timeout_locked"]
    return files | {"server_type": lines(box.server_type), "timeout_locked": lines(timeout, READ_WRITE)}
