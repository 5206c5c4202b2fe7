"""A directory for the files that a run shares with its runners, gone afterwards, whatever happens.

A run that is killed cannot remove its own. So each directory holds a locked file; the kernel frees the lock at any
death, and the next run of the same user removes what nobody locks. No pid is trusted.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["scratch_directory"]

_PREFIX = "hl_qual-"
_LOCK = "lock"


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """An empty directory of this process. OSError if there is no place for one."""
    _sweep(Path(tempfile.gettempdir()))
    # The lock comes before the name that a sweep looks for.
    hidden = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}"))
    try:
        lock = os.open(hidden / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            directory = hidden.with_name(hidden.name.removeprefix("."))
            hidden.rename(directory)
            hidden = directory
            yield directory
        finally:
            os.close(lock)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _sweep(place: Path) -> None:
    """Remove what dead runs of this user left behind."""
    for directory in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if directory.is_symlink() or directory.stat().st_uid != os.geteuid():
                continue
            lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(directory, ignore_errors=True)
            finally:
                os.close(lock)
