"""hl-smi, the monitor: words -> options (argv) -> plain rows (query) -> text (render) -> standard output (cli).

The room sees cards only through `hlml`. It is called as the program `hl-smi` and as `python -m hl_smi`; no other room
imports it.
"""

from __future__ import annotations

__all__: list[str] = []
