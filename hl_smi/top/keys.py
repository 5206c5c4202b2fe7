"""Bytes of a terminal -> names of keys. Pure."""

from __future__ import annotations

__all__ = ["keys_of"]

_SEQUENCES = {
    b"\x1b[A": "up", b"\x1bOA": "up", b"\x1b[B": "down", b"\x1bOB": "down",
    b"\x1b[5~": "page-up", b"\x1b[6~": "page-down",
    b"\x1b[H": "home", b"\x1bOH": "home", b"\x1b[1~": "home", b"\x1b[7~": "home",
    b"\x1b[F": "end", b"\x1bOF": "end", b"\x1b[4~": "end", b"\x1b[8~": "end",
}  # fmt: skip
_CONTROLS = {b"\r": "enter", b"\n": "enter", b"\x7f": "backspace", b"\b": "backspace"}


def keys_of(data: bytes) -> list[str]:
    """The keys in what one read gave: a character, or the name of a special key; others are dropped.

    An escape that nothing follows is the key itself: a terminal sends the bytes of a sequence together.
    """
    keys = []
    while data:
        name, length = _first(data)
        data = data[length:]
        if name:
            keys.append(name)
    return keys


def _first(data: bytes) -> tuple[str, int]:
    for sequence, name in _SEQUENCES.items():
        if data.startswith(sequence):
            return name, len(sequence)
    if data[:1] in _CONTROLS:
        return _CONTROLS[data[:1]], 1
    if data[:2] in (b"\x1b[", b"\x1bO"):
        return "", _unknown_length(data)
    if data[:1] == b"\x1b":
        return "escape", 1
    return (chr(data[0]), 1) if 0x20 <= data[0] < 0x7F else ("", 1)


def _unknown_length(data: bytes) -> int:
    """Length of a sequence that has no name: up to its final byte."""
    for length in range(3, len(data) + 1):
        if 0x40 <= data[length - 1] <= 0x7E:
            return length
    return len(data)
