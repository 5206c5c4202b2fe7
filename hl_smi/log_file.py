"""$HABANA_LOGS/hl-smi_log.txt: what hl-smi printed, also under ENABLE_CONSOLE=false. Called by `cli` only.

Nothing is written without HABANA_LOGS, and a log that can not be written is no error: monitors run hl-smi with
read-only log directories.
"""

from __future__ import annotations

import os
import stat

__all__ = ["append"]

_NAME = "hl-smi_log.txt"
_ROTATED_NAME = "hl-smi_log.1.txt"
# A loop over eight cards writes about 1 kB a second; with its predecessor the log stays below 16 MiB.
_LIMIT_BYTES = 8 * 1024 * 1024
# No link and no pipe: the directory may belong to others.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def append(directory: str | None, text: str) -> None:
    """Append `text` to the log in `directory`, if there is one and it is writable."""
    if not directory or not text:
        return
    path = f"{directory}/{_NAME}"
    try:
        descriptor = os.open(path, _FLAGS, 0o644)
    except (OSError, ValueError):
        return
    try:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            os.write(descriptor, text.encode("ascii", "backslashreplace"))
            if status.st_size > _LIMIT_BYTES:
                os.replace(path, f"{directory}/{_ROTATED_NAME}")  # noqa: PTH105 - pathlib costs start-up time
    except OSError:
        pass
    finally:
        os.close(descriptor)
