"""Texts that were damaged on their way, the same for the same seed."""

from __future__ import annotations

import random

__all__ = ["damaged_toml"]

# What TOML or whoever reads numbers may stumble over.
PIECES = (
    *("[", "]", '"', "=", "\n", ",", "#", "{", "}", "-", "-1", "true", "nan", "inf", "1e308", "1e999"),
    *("9" * 30, "0x7fffffffffffffff", "\0", "é"),
)


def damaged_toml(text: str, seed: int, edits: int) -> str:
    """Some bytes or lines deleted, doubled, swapped or replaced by what TOML likes."""
    rng = random.Random(seed)
    for _ in range(edits):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice((0, 1, 2, 5, 40)))
        text = text[:start] + rng.choice([*PIECES, "", text[start:end] * 2]) + text[end:]
    return text
