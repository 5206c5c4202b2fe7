"""What a write to one of the driver's files does. The rights are those of the box (docs/box.md)."""

from __future__ import annotations

import errno
import os
import re

from device.card import Box
from device.errors import DeviceError

__all__ = ["WRITABLE", "apply_write", "parse_number"]

# Attributes of a card whose writes act; in all other files of the tree a write has no effect.
WRITABLE = ("max_power", "hard_reset")


def parse_number(data: bytes) -> int:
    """As the kernel's kstrtoul with base 0: decimal, 0x or 0 for octal, one newline. OSError EINVAL for all else."""
    text = data.decode("ascii", "replace").removesuffix("\n")
    match = re.fullmatch(r"\+?(?:(0[xX][0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))", text)
    if not match:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    base = 16 if match[1] else 8 if match[2] else 10
    number = int(match[1] or match[2] or match[3], base)
    if number >= 1 << 64:
        raise OSError(errno.ERANGE, os.strerror(errno.ERANGE))
    return number


def apply_write(box: Box, index: int, attribute: str, data: bytes) -> None:
    """Carry out a write to an attribute of card `index`. OSError with the errno that the writer gets."""
    number = parse_number(data)
    card = box.card(index)
    if attribute == "max_power":
        low, high = card.limit_range()
        if not low <= number <= high:
            raise OSError(errno.EINVAL, f"max_power may be {low} to {high} mW, not {number}")
    try:
        if attribute == "max_power":
            card.set_limit(number)
        elif attribute == "hard_reset":
            card.reset()
        else:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
    except DeviceError as error:
        raise OSError(errno.EPERM, str(error)) from error
