"""Which cards a run shows: those that HABANA_VISIBLE_DEVICES leaves, then the one of -i.

The forms of -i can not be mistaken for one another: an index is digits only, an address has colons and a dot, a module
its prefix, a UUID seven groups between dashes, a serial number letters followed by digits.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

from hl_smi.errors import RunError, UsageError

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hlml.types import DeviceSnapshot

__all__ = ["Selector", "SelectorKind", "matching", "parse_selector", "visible_indices"]

# What the container runtime takes for "no device".
_NO_DEVICE = ("", "none", "void")
_FORMS = "0000:43:00.0 or 43:00.0 (PCI address), 3 (index), module:3, a UUID, or a serial number such as AM99123400"


class SelectorKind(enum.Enum):
    """What a word of -i names; the values are the words of messages."""

    BUS_ID = "at"
    INDEX = "with index"
    MODULE = "with module id"
    UUID = "with UUID"
    SERIAL = "with serial number"


@dataclass(frozen=True, slots=True)
class Selector:
    """One card as named by -i. `value` is normalised: complete address in lower case, decimal number, upper case."""

    kind: SelectorKind
    value: str


_PATTERNS = (
    (SelectorKind.BUS_ID, re.compile(r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])")),
    (SelectorKind.INDEX, re.compile(r"([0-9]{1,3})")),
    (SelectorKind.MODULE, re.compile(r"module:([0-9]{1,3})")),
    (SelectorKind.UUID, re.compile(r"([0-9a-z]+(?:-[0-9a-z]+){6})")),
    (SelectorKind.SERIAL, re.compile(r"([a-z]{1,4}[0-9]{4,20})")),
)


def parse_selector(word: str) -> Selector:
    """The card that a word of -i names. UsageError with the list of forms if it names none."""
    for kind, pattern in _PATTERNS:
        match = pattern.fullmatch(word.lower()) if word.isascii() else None
        if match is not None:
            return Selector(kind, _normalised(kind, match))
    raise UsageError(f"option -i: {word!r} names no AIP; expected {_FORMS}")


def _normalised(kind: SelectorKind, match: re.Match[str]) -> str:
    if kind is SelectorKind.BUS_ID:
        return f"{int(match[1] or '0', 16):04x}:{match[2]}"
    if kind in (SelectorKind.INDEX, SelectorKind.MODULE):
        return str(int(match[1]))
    return match[1].upper()


def visible_indices(value: str | None) -> frozenset[int] | None:
    """Indices that HABANA_VISIBLE_DEVICES names; None for all. `value` None: the variable is not set."""
    if value is None or value.strip() == "all":
        return None
    if value.strip() in _NO_DEVICE:
        return frozenset()
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise RunError(f"HABANA_VISIBLE_DEVICES is {value!r}; expected 'all' or a comma list of indices such as 0,1")
    return frozenset(int(part) for part in parts)


def matching(snapshots: Sequence[DeviceSnapshot], selector: Selector | None) -> tuple[DeviceSnapshot, ...]:
    """The selected card, or all of them by index."""
    ordered = tuple(sorted(snapshots, key=lambda snapshot: snapshot.index))
    if selector is None:
        return ordered
    found = tuple(snapshot for snapshot in ordered if _name_of(snapshot, selector.kind) == selector.value)
    if not found:
        present = ", ".join(_shown_name(snapshot, selector.kind) for snapshot in ordered)
        raise RunError(f"no AIP {selector.kind.value} {selector.value}; present: {present}")
    if len(found) > 1:
        raise RunError(f"{len(found)} AIPs {selector.kind.value} {selector.value}; name one by its index")
    return found


def _shown_name(card: DeviceSnapshot, kind: SelectorKind) -> str:
    names = {
        SelectorKind.BUS_ID: card.pci.bus_id,
        SelectorKind.INDEX: str(card.index),
        SelectorKind.MODULE: str(card.module_id),
        SelectorKind.UUID: card.uuid,
        SelectorKind.SERIAL: card.serial,
    }
    return names[kind]


def _name_of(card: DeviceSnapshot, kind: SelectorKind) -> str:
    name = _shown_name(card, kind)
    return name.lower() if kind is SelectorKind.BUS_ID else name.upper()
