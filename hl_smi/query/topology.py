"""Rows of `hl-smi topo`. Drawn by `render.topology`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hlml.types import DeviceSnapshot

__all__ = ["AffinityRow", "query_affinity"]


@dataclass(frozen=True, slots=True)
class AffinityRow:
    """One module. `cpus` is a list of ranges such as "0-39, 80-119"; None: the box does not tell."""

    module_id: int
    cpus: str | None
    numa_node: int


def query_affinity(snapshots: Sequence[DeviceSnapshot]) -> tuple[AffinityRow, ...]:
    """Rows by module id. A snapshot does not carry the CPU list yet."""
    rows = (AffinityRow(card.module_id, None, card.numa_node) for card in snapshots)
    return tuple(sorted(rows, key=lambda row: row.module_id))
