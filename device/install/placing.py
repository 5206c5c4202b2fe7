"""Placing an installation below a root and taking it away again; the effects of this room.

Everything is looked at before anything is written: a file that is there and is not in our manifest, or was changed
since, belongs to somebody else and ends the run. The manifest grows before the files do, so that an interrupted run
can be undone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from device.errors import BoxError
from device.install.layout import Entry
from device.install.manifest import FOLDER, UNFINISHED, fingerprint, parse_manifest, render_manifest

__all__ = ["Outcome", "install", "remove"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many files were placed or removed, and which were left alone because somebody changed them."""

    count: int
    kept: tuple[Path, ...] = ()


def install(entries: Iterable[Entry], root: Path, manifest_path: PurePosixPath) -> Outcome:
    """Place `entries` below `root`; what an earlier installation had more is removed. BoxError: no right, not ours."""
    wanted = {entry.path: entry for entry in entries}
    try:
        before = _read_manifest(root, manifest_path)
        foreign = [path for path in wanted if _is_foreign(_below(root, path), before.get(path))]
        if foreign:
            shown = ", ".join(str(_below(root, path)) for path in foreign[:3])
            more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
            raise BoxError(f"{shown}{more}: there already and not of ours; nothing was changed, choose another prefix")
        folders = {path: FOLDER for path, mark in before.items() if mark == FOLDER}
        folders |= _make_folders(root, [manifest_path, *wanted])
        unfinished = {path: UNFINISHED for path in wanted if path not in before}
        _write_manifest(root, manifest_path, dict(before) | folders | unfinished)
        placed = {path: _place(root, entry) for path, entry in wanted.items()}
        for path in before.keys() - placed.keys():
            if fingerprint(_below(root, path)) == before[path]:
                _below(root, path).unlink()
        _write_manifest(root, manifest_path, placed | folders)
    except OSError as error:
        raise BoxError(
            f"{error.filename or root}: {error.strerror}; installing needs the right to write there"
        ) from error
    return Outcome(len(placed))


def remove(root: Path, manifest_path: PurePosixPath) -> Outcome:
    """Take away what the manifest names and nobody changed, and the folders that were made for it.

    BoxError: nothing of ours is there, or the right is missing.
    """
    try:
        before = _read_manifest(root, manifest_path)
        if not before:
            raise BoxError(f"nothing of gaudi-box is installed below {root}: there is no {_below(root, manifest_path)}")
        kept = []
        files = {path: mark for path, mark in before.items() if mark != FOLDER}
        for path, mark in files.items():
            now = fingerprint(_below(root, path))
            if now is not None and now != mark and mark != UNFINISHED:
                kept.append(_below(root, path))
            elif now is not None:
                _below(root, path).unlink()
        _below(root, manifest_path).unlink()
        for path in sorted(before.keys() - files.keys(), reverse=True):
            with contextlib.suppress(OSError):  # somebody put something into it, or it is gone
                _below(root, path).rmdir()
    except OSError as error:
        raise BoxError(
            f"{error.filename or root}: {error.strerror}; removing needs the right to write there"
        ) from error
    return Outcome(len(files) - len(kept), tuple(kept))


def _below(root: Path, path: PurePosixPath) -> Path:
    return root / path.relative_to("/")


def _is_foreign(path: Path, mark: str | None) -> bool:
    if mark == UNFINISHED:
        return False
    return os.path.lexists(path) and (mark is None or fingerprint(path) != mark)


def _read_manifest(root: Path, manifest_path: PurePosixPath) -> dict[PurePosixPath, str]:
    path = _below(root, manifest_path)
    try:
        return parse_manifest(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise BoxError(f"{path}: {error}; it was damaged, so nothing is replaced or removed") from None


def _write_manifest(root: Path, manifest_path: PurePosixPath, placed: Mapping[PurePosixPath, str]) -> None:
    path = _below(root, manifest_path)
    aside = path.with_name(path.name + ".new")
    aside.write_text(render_manifest(placed), encoding="utf-8")
    aside.replace(path)


def _place(root: Path, entry: Entry) -> str:
    """Aside and renamed: a program that runs from the old file keeps it. What the manifest says of it."""
    path = _below(root, entry.path)
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    if entry.link_to is not None:
        aside.symlink_to(entry.link_to)
    elif entry.source is not None:
        shutil.copyfile(entry.source, aside)
        aside.chmod(entry.mode)
    else:
        aside.write_text(entry.text or "", encoding="utf-8")
        aside.chmod(entry.mode)
    aside.replace(path)
    return fingerprint(path) or ""


def _make_folders(root: Path, paths: Iterable[PurePosixPath]) -> dict[PurePosixPath, str]:
    """Make the folders of `paths` that are not there; those, for the manifest."""
    made = {}
    for folder in sorted({parent for path in paths for parent in path.parents}):
        if not _below(root, folder).is_dir():
            _below(root, folder).mkdir(parents=True)
            made[folder] = FOLDER
    return made
