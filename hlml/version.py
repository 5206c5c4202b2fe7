"""The version of library and tools of the box that the environment means, also while its driver is unloaded.

HLML itself can not be initialised then, and `hl-smi -v` still has an answer. Reads the control file; attaches nothing.
"""

from __future__ import annotations

from pathlib import Path

from hlml._hlml import ffi, lib
from hlml.snapshot import text

__all__ = ["installed_version"]

_MAGIC = b"AUDICARD"


def installed_version() -> str | None:
    """For example "hl-1.24.1-fw-62.6.2.0 (date)"; None if there is no box, or its file is foreign or cut off."""
    place = ffi.new("gaudi_place *")
    if lib.gaudi_place_find(place, ffi.new("gaudi_error *")) != 0 or not place.exists:
        return None
    size = ffi.sizeof("gaudi_box_file")
    try:
        with (Path(text(place.path)) / "box").open("rb") as file:
            data = file.read(size)
    except OSError:
        return None
    if len(data) < size or not data.startswith(_MAGIC):
        return None
    box = ffi.new("gaudi_box_file *")
    ffi.memmove(box, data, size)
    if box.header.kind != lib.GAUDI_FILE_BOX or box.header.major != lib.GAUDI_LAYOUT_MAJOR:
        return None
    return text(box.identity.hlml_version) or None
