"""A tree in a directory, refreshed in place: whoever has a file open or mounted sees the new content.

A value is overwritten and only then cut to its length, so a reader between the two sees the new value, at worst
followed by a second newline; never an empty or a mixed one. Files that nobody changed are not touched.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from device.sysfs.tree import File, Link, Node, Tree, parents

__all__ = ["Mirror"]

_PAGE_BYTES = 4096


class Mirror:
    """Owns the paths that it made below `root`, which exists. One thread."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._prefix = f"{root}/"
        self._written: dict[str, Node] = {}
        self._made: set[str] = set()
        self._signatures: dict[str, tuple[int, int]] = {}

    def update(self, tree: Tree) -> int:
        """Make the directory show `tree`; how many paths changed. OSError: no room, no right."""
        gone = [path for path in self._written if path not in tree]
        changed = [path for path, node in tree.items() if self._written.get(path) != node]
        for path in gone:
            self._remove(path)
        if changed:
            self._make_directories(parents(path for path in changed if path not in self._written))
        for path in changed:
            self._write(path, tree[path])
        if gone:
            self._remove_directories(self._made - parents(self._written))
        return len(gone) + len(changed)

    def foreign_content(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Of those files that somebody else wrote since, the content; `restore` brings back what was there.

        A file that is empty was just truncated by somebody who is about to write: its turn comes later.
        """
        found = {}
        for path in paths:
            if path not in self._signatures:
                continue
            with contextlib.suppress(OSError):
                stat = (self.root / path).stat()
                if (stat.st_mtime_ns, stat.st_size) != self._signatures[path] and stat.st_size > 0:
                    found[path] = self._read(path)
        return found

    def restore(self, path: str) -> None:
        """Write again what this mirror had written."""
        node = self._written[path]
        if isinstance(node, File):
            self._overwrite(path, node.content, _PAGE_BYTES)

    def clear(self) -> None:
        """Remove everything that was made; what others put there stays."""
        self.update({})

    def _read(self, path: str) -> bytes:
        """At most a page, as the kernel takes; also of a file that its owner may not read."""
        target = self.root / path
        mode = target.stat().st_mode & 0o777
        if not mode & 0o400:
            target.chmod(mode | 0o400)
        try:
            with target.open("rb") as file:
                return file.read(_PAGE_BYTES)
        finally:
            if not mode & 0o400:
                target.chmod(mode)

    def _sign(self, path: str, fd: int) -> None:
        stat = os.fstat(fd)
        self._signatures[path] = (stat.st_mtime_ns, stat.st_size)

    def _make_directories(self, directories: Iterable[str]) -> None:
        for directory in sorted(directories):
            with contextlib.suppress(FileExistsError):
                os.mkdir(self._prefix + directory, 0o755)  # noqa: PTH102
                self._made.add(directory)

    def _remove_directories(self, directories: Iterable[str]) -> None:
        for directory in sorted(directories, reverse=True):
            with contextlib.suppress(OSError):  # not empty, or a mount point
                os.rmdir(self._prefix + directory)  # noqa: PTH106
            self._made.discard(directory)

    def _remove(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._prefix + path)  # noqa: PTH108
        del self._written[path]
        self._signatures.pop(path, None)

    def _write(self, path: str, node: Node) -> None:
        before = self._written.get(path)
        if isinstance(node, File) and isinstance(before, File) and before.mode == node.mode:
            self._overwrite(path, node.content, len(before.content))
        else:
            if before is not None:
                (self.root / path).unlink(missing_ok=True)
            self._create(path, node)
        self._written[path] = node

    def _create(self, path: str, node: Node) -> None:
        target = self._prefix + path  # thousands of them: no Path objects
        if isinstance(node, Link):
            os.symlink(node.target, target)  # noqa: PTH211
            return
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, node.mode)
        try:
            os.fchmod(fd, node.mode)
            os.write(fd, node.content)
            if node.mode & 0o200:
                self._sign(path, fd)
        finally:
            os.close(fd)

    def _overwrite(self, path: str, content: bytes, old_length: int) -> None:
        fd, mode = self._open_for_writing(self._prefix + path)
        try:
            os.pwrite(fd, content, 0)
            if len(content) < old_length:
                os.ftruncate(fd, len(content))
            if path in self._signatures:
                self._sign(path, fd)
        finally:
            if mode is not None:
                os.fchmod(fd, mode)
            os.close(fd)

    def _open_for_writing(self, target: str) -> tuple[int, int | None]:
        """The descriptor, and the mode to give back: owners that are not root may not write read-only files."""
        flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(target, flags), None
        except PermissionError:
            mode = Path(target).stat().st_mode & 0o777
            Path(target).chmod(mode | 0o200)
            return os.open(target, flags), mode
