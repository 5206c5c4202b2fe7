"""The line of -v. Pure."""

from __future__ import annotations

from hl_smi.render.text import one_line

__all__ = ["render_version"]


def render_version(hlml_version: str) -> str:
    """`hl-smi/hlml` must not look like a version to readers that search for hl-<digits>: keep it as it is."""
    return f"Habanalabs hl-smi/hlml version {one_line(hlml_version)}\n"
