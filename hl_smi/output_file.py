"""The file of -o: each iteration is appended with one write, whole or not at all. Called by `cli` only.

Appending is what a shell's >> does. The file is opened anew each time, so that a rotated log begins again.
"""

from __future__ import annotations

import os
import stat

from hl_smi.errors import RunError

__all__ = ["append_whole"]

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY


def append_whole(path: str, text: str) -> None:
    """Append `text`; if it does not fit, take back what was written. RunError with one line."""
    data = text.encode()
    try:
        descriptor = os.open(path, _FLAGS, 0o666)
        try:
            _write(descriptor, data)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunError(f"can not write to {path!r}: {reason}") from error


def _write(descriptor: int, data: bytes) -> None:
    before = os.fstat(descriptor)
    written = 0
    try:
        while written < len(data):
            written += os.write(descriptor, data[written:])
    except OSError:
        is_ours_alone = os.fstat(descriptor).st_size == before.st_size + written
        if stat.S_ISREG(before.st_mode) and is_ours_alone:  # what others appended in between stays
            os.ftruncate(descriptor, before.st_size)
        raise
