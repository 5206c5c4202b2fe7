"""What the fixture `box` hands out; a module of its own so that tests can name its type."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PrivateBox:
    """A box of its own in a temporary directory; `env` is all that a program needs to see it."""

    path: Path
    env: dict[str, str]
    logs: Path
