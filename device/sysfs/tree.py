"""Files and links by path: what the renderers give and the mirror writes. Plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["File", "Link", "Node", "Tree", "lines", "link_between", "parents"]

READ = 0o444
READ_WRITE = 0o644
WRITE = 0o200


@dataclass(frozen=True, slots=True)
class File:
    """`errno` not 0: reading fails with it in the real driver. Where that cannot be shown the file is empty."""

    content: bytes
    mode: int = READ
    errno: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link; the target is relative, as the kernel makes them."""

    target: str


Node = File | Link
# Paths have no leading slash and are relative to the root directory: "sys/class/accel/accel0".
Tree = Mapping[str, Node]


def lines(text: str | int, mode: int = READ) -> File:
    """One value and a newline: what nearly all attributes are."""
    return File(f"{text}\n".encode(), mode)


def link_between(path: str, target: str) -> Link:
    """The link at `path` that leads to `target`, both relative to the root directory."""
    here, there = path.split("/")[:-1], target.split("/")
    common = 0
    while common < min(len(here), len(there)) and here[common] == there[common]:
        common += 1
    return Link("/".join([".."] * (len(here) - common) + there[common:]))


def parents(paths: Iterable[str]) -> set[str]:
    """Every directory that the paths need."""
    found: set[str] = set()
    for path in paths:
        while "/" in path:
            path = path.rpartition("/")[0]
            if path in found:
                break
            found.add(path)
    return found
