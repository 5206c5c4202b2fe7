"""Making, finding and taking down boxes: the face of place.c and create.c for gaudi-box.

What a box consists of comes from box.py; what happens to a box that is up belongs to card.py.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device._device import ffi, lib
from device.box import build_image
from device.box_spec import BoxSpec
from device.errors import BoxError

__all__ = [
    "BoxPlace",
    "PlaceReason",
    "create_box",
    "find_place",
    "is_driver_loaded",
    "purge_box",
    "restore_absent",
    "retire_box",
    "set_driver",
    "system_path",
]

_SYSTEM = Path("/run/gaudi")
_REASONS = {
    0: "GAUDI_BOX is an absolute path",
    1: "GAUDI_BOX names it",
    2: "it is the system box under /run/gaudi",
    3: "root came through sudo and has no box of its own, so it is the one of the calling user",
    4: "it is the default box of this user",
}
PlaceReason = str


@dataclass(frozen=True, slots=True)
class BoxPlace:
    """Where the box of the environment is or would be, and why there."""

    path: Path
    name: str
    reason: PlaceReason
    is_implicit: bool
    exists: bool
    hidden: Path | None


def _text(error: Any) -> str:
    return bytes(ffi.string(error.text)).decode("utf-8", "backslashreplace")


def find_place(name: str | None = None) -> BoxPlace:
    """The place that $GAUDI_BOX (or `name` instead of it) means. BoxError if it is malformed."""
    before = os.environ.get("GAUDI_BOX")
    error = ffi.new("gaudi_error *")
    place = ffi.new("gaudi_place *")
    try:
        if name is not None:
            os.environ["GAUDI_BOX"] = name
        code = lib.gaudi_place_find(place, error)
    finally:
        if name is not None:
            if before is None:
                del os.environ["GAUDI_BOX"]
            else:
                os.environ["GAUDI_BOX"] = before
    if code != 0:
        raise BoxError(_text(error).replace("GAUDI_BOX=", "the box name ", 1) if name else _text(error))
    hidden = bytes(ffi.string(place.other)).decode()
    return BoxPlace(
        path=Path(bytes(ffi.string(place.path)).decode()),
        name=bytes(ffi.string(place.name)).decode(),
        reason=_REASONS[place.reason],
        is_implicit=bool(place.is_implicit),
        exists=bool(place.exists),
        hidden=Path(hidden) if hidden else None,
    )


def system_path(name: str) -> Path:
    """Where a box for all users lies."""
    return _SYSTEM / name


def create_box(path: Path, spec: BoxSpec, name: str, group: int | None = None) -> None:
    """Make the files of a box; one that is there is replaced, and its readers notice. BoxError: no room, no right."""
    image = build_image(ffi, spec, name)
    error = ffi.new("gaudi_error *")
    code = lib.gaudi_box_create(
        os.fsencode(path), image.identity, image.cards, image.card_count, -1 if group is None else group, error
    )
    if code != 0:
        raise BoxError(_text(error))


def retire_box(path: Path) -> None:
    """Take a box down: readers get an error instead of frozen values, the files are gone. What its cards never forget
    stays beside it, for the next box at this path, until `purge_box`."""
    error = ffi.new("gaudi_error *")
    if lib.gaudi_box_retire(os.fsencode(path), 1, error) != 0:
        raise BoxError(_text(error))


def purge_box(path: Path) -> None:
    """Forget aggregate counters, replaced rows, reset counts and boot faults of the box at this path."""
    error = ffi.new("gaudi_error *")
    if lib.gaudi_box_purge(os.fsencode(path), error) != 0:
        raise BoxError(_text(error))


def restore_absent(path: Path) -> int:
    """Cards that a fault kept out come back at the next boot; their number."""
    error = ffi.new("gaudi_error *")
    count = int(lib.gaudi_box_restore_absent(os.fsencode(path), error))
    if count < 0:
        raise BoxError(_text(error))
    return count


def set_driver(path: Path, is_loaded: bool) -> None:
    """Load or unload the driver of a box; without it hlml_init and all readers get DRIVER_NOT_LOADED. Owner or root.
    BoxError: a card is held, and by whom."""
    error = ffi.new("gaudi_error *")
    raw = ffi.new("gaudi_box **")
    code = lib.gaudi_box_open_unloaded(raw, os.fsencode(path), error)
    if code == 0:
        code = lib.gaudi_box_driver(raw[0], is_loaded, error)
    lib.gaudi_box_close(raw[0])
    if code != 0:
        raise BoxError(_text(error) or os.strerror(-code))


def is_driver_loaded(path: Path) -> bool:
    """Of the box at `path`, which has to exist."""
    error = ffi.new("gaudi_error *")
    raw = ffi.new("gaudi_box **")
    if lib.gaudi_box_open_unloaded(raw, os.fsencode(path), error) != 0:
        raise BoxError(_text(error))
    try:
        return int(lib.gaudi_box_alive(raw[0])) == 0
    finally:
        lib.gaudi_box_close(raw[0])
