"""hl_qual, the qualification tool: runs one test on many cards, each in a process of its own, and judges.

The path of a command: `argv` (words -> Options, pure) -> `cli` -> `plan` -> `runner_manager`, which starts one
`runner` process a card -> `plugins/` (one file a test) -> `report/` (values in, text out). `monitor` samples the
cards meanwhile. `limits/` holds every number a verdict is compared with. What a card computes does not belong
here: that is `device`.
"""

from __future__ import annotations

__all__: list[str] = []
