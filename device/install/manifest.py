"""What was placed: a line `HASH  PATH` a file, as sha256sum writes them; `link:TARGET  PATH` and `folder  PATH`. Pure.

`sha256sum --check` from the root reads the lines of the files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

__all__ = ["FOLDER", "UNFINISHED", "fingerprint", "parse_manifest", "render_manifest"]

# The mark of a folder that was made, and of a file that a run began to place.
FOLDER = "folder"
UNFINISHED = "unfinished"
_LINK = "link:"


def fingerprint(path: Path) -> str | None:
    """What the manifest says of a file or link; None if there is none."""
    if path.is_symlink():
        return f"{_LINK}{path.readlink()}"
    if not path.is_file():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()


def render_manifest(placed: Mapping[PurePosixPath, str]) -> str:
    """Sorted, relative to the root."""
    return "".join(f"{mark}  {path.relative_to('/')}\n" for path, mark in sorted(placed.items()))


def parse_manifest(text: str) -> dict[PurePosixPath, str]:
    """Path -> mark. ValueError names a line that is none."""
    placed = {}
    for line in text.splitlines():
        mark, separator, path = line.partition("  ")
        if not separator or not path or ".." in PurePosixPath(path).parts:
            raise ValueError(f"{line!r} is no line of a manifest")
        placed[PurePosixPath("/") / path] = mark
    return placed
