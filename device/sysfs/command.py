"""What `gaudi-box sysfs` does and prints."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from device.card import Box
from device.errors import BoxError
from device.sysfs.follow import follow_tree, mount_lines, write_tree

__all__ = ["existing_box", "library_directory", "run_sysfs"]


def library_directory() -> Path | None:
    """The directory with libhlml.so of this installation."""
    found = importlib.util.find_spec("hlml")
    if found is None or not found.submodule_search_locations:
        return None
    directory = Path(found.submodule_search_locations[0]) / "lib"
    return directory if (directory / "libhlml.so").exists() else None


def existing_box(only: frozenset[int] | None = None) -> Path:
    """The path of the box of the environment; the default one is made if it is missing.

    BoxError: a card of `only` is not there, or the box cannot be shown to others.
    """
    with Box.open(for_writing=False) as box:
        for index in only or ():
            box.card(index)
        if not box.path:
            raise BoxError("no place for a box can be written here, and a private one has no files; set GAUDI_BOX")
        return Path(box.path)


def run_sysfs(directory: Path, is_followed: bool, duration_s: float | None, only: frozenset[int] | None) -> None:
    """The command: write or follow, and print how to mount."""
    box = existing_box(only)
    text = mount_lines(directory, box, library_directory())

    def report(line: str) -> None:
        print(f"gaudi-box: {line}", file=sys.stderr, flush=True)

    def ready() -> None:
        print(text, end="", flush=True)
        print(f"# refreshing {directory} until ^C", file=sys.stderr, flush=True)

    if is_followed:
        follow_tree(directory, box, report, only, duration_s, ready=ready)
        return
    write_tree(directory, box, report, only)
    print(text, end="")
