"""Numbers that belong to a seed: what a fault hits is the same every time, on every host."""

from __future__ import annotations

import hashlib

__all__ = ["seeded"]


def seeded(*parts: object) -> int:
    """64 bits that belong to these parts, the same everywhere."""
    text = "\0".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
