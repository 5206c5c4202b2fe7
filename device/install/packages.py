"""The Python packages that the tools need, as files of this environment: they are copied, so no registry is asked."""

from __future__ import annotations

import importlib.metadata as metadata
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from device.errors import BoxError

__all__ = ["PackageFile", "package_files"]

_NAME = "gaudi-box"
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class PackageFile:
    """One file of a package and its place below the folder that is put on the path."""

    source: Path
    path: PurePosixPath


def package_files() -> tuple[PackageFile, ...]:
    """Of this package and of all that it requires. BoxError: one of them can not be copied."""
    return tuple(file for name in sorted(_names(_NAME, set())) for file in _files_of(_distribution(name)))


def _distribution(name: str) -> metadata.Distribution:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise BoxError(f"the Python package {name} is not installed here; install gaudi-box with pip first") from None


def _names(name: str, known: set[str]) -> set[str]:
    """`name` and what it needs, without extras."""
    if name in known:
        return known
    known.add(name)
    for requirement in _distribution(name).requires or ():
        needed, _, condition = requirement.partition(";")
        match = _REQUIREMENT.match(needed.strip())
        if match is None or "extra" in condition or not _is_installed(match[0]):
            continue  # not there: a condition such as another platform excludes it
        _names(match[0].lower().replace("_", "-"), known)
    return known


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _files_of(distribution: metadata.Distribution) -> Iterator[PackageFile]:
    for path in distribution.files or ():
        inside = PurePosixPath(path)
        if ".." in inside.parts or inside.is_absolute() or "__pycache__" in inside.parts:
            continue  # scripts in bin, which the installation has of its own
        source = Path(str(path.locate()))
        if source.is_file():
            yield PackageFile(source, inside)
        elif inside.suffix == ".py":
            raise BoxError(f"{source} of {distribution.metadata['Name']} is gone; install gaudi-box with pip anew")
