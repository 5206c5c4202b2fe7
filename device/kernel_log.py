"""The kernel log of a box: what its habanalabs driver would have told, as lines. csrc/kernel_log.c writes it.

Read by `gaudi-box dmesg` and by whoever wants to know what happened to a card and when.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from device._device import ffi, lib
from device.card import Box

__all__ = ["LogLine", "read_log", "render_line"]

_FILES = ("kmsg.old", "kmsg")
_LINE = re.compile(r"([0-7]),(\d{1,20}),(-|\d{1,2});(.*)")
_PENDING_MAX = 8

# Of one file; csrc/kernel_log.c begins another one at a quarter of that.
_BYTES_MAX = 1 << 20

# From this ABI level on the driver lives in the accel subsystem and its devices are called accelN.
_ACCEL_SINCE = 118


@dataclass(frozen=True, slots=True, order=True)
class LogLine:
    """`card` is the accel number, -1 the driver as a whole; `level` the kernel's: 3 error, 4 warning, 6 information."""

    box_ns: int
    card: int
    level: int
    text: str


def read_log(box: Box, since_ns: int = 0) -> list[LogLine]:
    """By time, from `since_ns` of box time on; with what has come about by itself and nobody has written yet."""
    pending = _pending(box)  # first: a publish that folds it away in between has written it by then
    written = _written(Path(box.path)) if box.path else []
    lines = dict.fromkeys([*written, *pending])  # each once, in the order in which they were written
    return sorted((line for line in lines if line.box_ns >= since_ns), key=lambda line: line.box_ns)


def _text(path: Path) -> str:
    """ "" if there is none. Links and other file types are refused, as everywhere in a box."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        is_file = stat.S_ISREG(os.fstat(fd).st_mode)
        return os.read(fd, _BYTES_MAX).decode("utf-8", "backslashreplace") if is_file else ""
    finally:
        os.close(fd)


def _written(path: Path) -> list[LogLine]:
    lines = []
    for name in _FILES:
        for raw in _text(path / name).split("\n"):
            if match := _LINE.fullmatch(raw):
                card = -1 if match[3] == "-" else int(match[3])
                lines.append(LogLine(int(match[2]), card, int(match[1]), match[4]))
    return lines


def _pending(box: Box) -> list[LogLine]:
    raw = ffi.new("gaudi_log_line[]", _PENDING_MAX)
    lines = []
    for card in box.cards:
        for i in range(lib.gaudi_card_log_pending(card.c_object, raw, _PENDING_MAX)):
            text = bytes(ffi.string(raw[i].text)).decode("utf-8", "backslashreplace")
            lines.append(LogLine(raw[i].box_ns, raw[i].card, raw[i].level, text))
    return lines


def render_line(line: LogLine, box: Box) -> str:
    """As dmesg prints it: seconds since the server booted, the device, the words."""
    seconds = max(line.box_ns - box.boot_ns, 0) / 1e9
    device = f"accel accel{line.card}: " if box.abi_level >= _ACCEL_SINCE else f"habanalabs hl{line.card}: "
    return f"[{seconds:12.6f}] {device if line.card >= 0 else ''}{line.text}"
