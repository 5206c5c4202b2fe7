"""A fleet file: many boxes at once.

[fleet]
key = "dc-west"          # every box gets the key "dc-west/<name>", so no two cards are alike

[[boxes]]
name = "node-{n}"        # {n} counts from `first`
count = 16
template = "hls2"        # a built-in server, or a TOML file beside this one
release = "1.22"
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from device.box_spec import BoxSpec, find_release, load_box_spec, read_box_spec
from device.errors import SpecError

__all__ = ["FleetBox", "is_fleet", "read_fleet"]

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_KEYS = ("name", "count", "first", "template", "release", "key")
_BOXES_MAX = 1024


@dataclass(frozen=True, slots=True)
class FleetBox:
    name: str
    spec: BoxSpec


def _load(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{path}: not a TOML file: {error}") from error


def is_fleet(path: Path) -> bool:
    """Whether the file describes many boxes. SpecError if it cannot be read."""
    return "boxes" in _load(path) or "fleet" in _load(path)


def read_fleet(path: Path) -> list[FleetBox]:
    """All boxes in their order; SpecError names file, key and reason."""
    root = _load(path)
    _refuse_unknown(path, root, ("fleet", "boxes"), "")
    fleet = root.get("fleet", {})
    if not isinstance(fleet, dict):
        raise _error(path, "fleet", "has to be a table")
    _refuse_unknown(path, fleet, ("key",), "fleet.")
    key = _text(path, fleet, "key", "fleet.key", path.stem)
    rows = root.get("boxes")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise _error(path, "boxes", "has to be an array of tables, each under [[boxes]]")
    boxes = [box for i, row in enumerate(rows) for box in _expand(path, row, f"boxes[{i}]", key)]
    if len(boxes) > _BOXES_MAX:
        raise _error(path, "boxes", f"are {len(boxes)}; a fleet has at most {_BOXES_MAX}")
    seen: set[str] = set()
    for box in boxes:
        if box.name in seen:
            raise _error(path, "boxes", f"two of them have the name {box.name!r}")
        seen.add(box.name)
    return boxes


def _expand(path: Path, row: dict[str, object], key: str, fleet_key: str) -> list[FleetBox]:
    _refuse_unknown(path, row, _KEYS, f"{key}.")
    pattern = _text(path, row, "name", f"{key}.name", None)
    count = _integer(path, row, "count", f"{key}.count", 1, 1, _BOXES_MAX)
    first = _integer(path, row, "first", f"{key}.first", 0, 0, 10**6)
    spec = _spec(path, _text(path, row, "template", f"{key}.template", "hls2"))
    if "release" in row:
        spec = dataclasses.replace(spec, release=find_release(_text(path, row, "release", f"{key}.release", None)))
    if count > 1 and "{n}" not in pattern:
        raise _error(path, f"{key}.name", f"{pattern!r} needs a {{n}} to name {count} boxes")
    boxes = []
    for n in range(first, first + count):
        name = pattern.replace("{n}", str(n))
        if not _NAME.fullmatch(name) or name in (".", ".."):
            raise _error(path, f"{key}.name", f"{name!r} is no name of 1 to 64 letters, digits, '.', '_' and '-'")
        box_key = _text(path, row, "key", f"{key}.key", f"{fleet_key}/{name}").replace("{n}", str(n))
        boxes.append(FleetBox(name, dataclasses.replace(spec, key=box_key)))
    return boxes


def _spec(path: Path, template: str) -> BoxSpec:
    return read_box_spec(path.parent / template) if template.endswith(".toml") else load_box_spec(template)


def _error(path: Path, key: str, reason: str) -> SpecError:
    return SpecError(f"{path}: {key}: {reason}")


def _refuse_unknown(path: Path, table: dict[str, object], known: tuple[str, ...], prefix: str) -> None:
    for name in table:
        if name not in known:
            raise _error(path, f"{prefix}{name[:60]}", f"is unknown; known are {', '.join(known)}")


def _text(path: Path, table: dict[str, object], name: str, key: str, default: str | None) -> str:
    value = table.get(name, default)
    if not isinstance(value, str) or not value or not value.isprintable() or len(value) > 200:
        raise _error(path, key, "has to be a text")
    return value


def _integer(path: Path, table: dict[str, object], name: str, key: str, default: int, low: int, high: int) -> int:
    value = table.get(name, default)
    if type(value) is not int or not low <= value <= high:
        raise _error(path, key, f"has to be a whole number from {low} to {high}")
    return value
