"""Test data and bit-exact checks against golden results: seeded operands, tiles with checksums, a checker thread.

For every test that multiplies. Nothing here knows a card.
"""

from __future__ import annotations

__all__: list[str] = []
