"""Our files among those of the host: a directory of ours gets everything that the host's has and ours has not.

Where the kernel allows it an overlay does that for directories on disk. Everywhere else, and for /sys and /dev always,
the host's entries are bound into our directory one by one (links are copied), which any kernel allows, keeps device
nodes usable and lets our own files be written. Entries that the host makes later are not seen.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from device.exec.namespace import bind, overlay

__all__ = ["cover", "expose", "graft"]


def _nothing(entry: os.DirEntry[str]) -> bool:
    return False


def graft(host: Path, ours: Path, hides: Callable[[os.DirEntry[str]], bool] = _nothing) -> None:
    """Add what is in `host` to `ours`; where both have a directory it is merged, anything else is ours.

    Entries for which `hides` is true are left out, as is what the host does not let us read or bind.
    """
    try:
        entries = list(os.scandir(host))
    except OSError:
        return
    for entry in entries:
        if hides(entry):
            continue
        target = ours / entry.name
        if not target.is_symlink() and not target.exists():
            with contextlib.suppress(OSError):
                _add(entry, target)
        elif entry.is_dir(follow_symlinks=False) and target.is_dir() and not target.is_symlink():
            graft(Path(entry.path), target, hides)


def _add(entry: os.DirEntry[str], target: Path) -> None:
    if entry.is_symlink():
        target.symlink_to(Path(entry.path).readlink())
        return
    is_directory = entry.is_dir(follow_symlinks=False)
    if is_directory:
        target.mkdir()
    else:
        target.touch()
    try:
        bind(entry.path, str(target))
    except OSError:
        if is_directory:
            target.rmdir()
        else:
            target.unlink()
        raise


def cover(host: Path, ours: Path, hides: Callable[[os.DirEntry[str]], bool] = _nothing) -> None:
    """`host` shows `ours` and, among it, what it had before. OSError: mounting is refused."""
    graft(host, ours, hides)
    bind(str(ours), str(host))


def expose(host: Path, ours: Path, can_overlay: bool = True) -> None:
    """The same for a directory on disk, whose host files show through read-only if an overlay is possible."""
    if can_overlay:
        try:
            overlay(str(ours), str(host))
            return
        except OSError:
            pass  # an old kernel in a user namespace, or a file system that cannot be a layer
    cover(host, ours)
