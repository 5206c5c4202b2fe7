"""Rows of `hl-smi topo`: affinity of the modules, and the links between them. Drawn by `render.topology`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hlml.types import DeviceSnapshot

__all__ = ["AffinityRow", "LinkCount", "MatrixRow", "query_affinity", "query_matrix"]


@dataclass(frozen=True, slots=True)
class AffinityRow:
    """One module. `cpus` is a list of ranges such as "0-39, 80-119"; None: the box does not tell."""

    module_id: int
    cpus: str | None
    numa_node: int


@dataclass(frozen=True, slots=True)
class LinkCount:
    """How many links there are to one place, and how many of them are up."""

    total: int
    up: int


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One module: its links to each module of the matrix (None: itself), and those that leave the server."""

    module_id: int
    links: tuple[LinkCount | None, ...]
    external: LinkCount
    cpus: str | None
    numa_node: int


def query_affinity(snapshots: Sequence[DeviceSnapshot]) -> tuple[AffinityRow, ...]:
    """Rows by module id."""
    rows = (AffinityRow(card.module_id, _ranges(card.cpu_affinity), card.numa_node) for card in snapshots)
    return tuple(sorted(rows, key=lambda row: row.module_id))


def query_matrix(snapshots: Sequence[DeviceSnapshot]) -> tuple[MatrixRow, ...]:
    """Rows by module id; the columns are the same modules."""
    cards = sorted(snapshots, key=lambda card: card.module_id)
    modules = [card.module_id for card in cards]
    return tuple(
        MatrixRow(
            module_id=card.module_id,
            links=tuple(None if module == card.module_id else _count(card, module) for module in modules),
            external=_count(card, None),
            cpus=_ranges(card.cpu_affinity),
            numa_node=card.numa_node,
        )
        for card in cards
    )


def _count(card: DeviceSnapshot, module: int | None) -> LinkCount:
    """Links to a module; None: the external ones."""
    ports = [port for port in card.ports if port.is_connected and port.peer_module == module]
    return LinkCount(len(ports), 0 if card.is_lost else sum(port.is_up for port in ports))


def _ranges(cpus: Sequence[int]) -> str | None:
    """Numbers in ascending order -> "0-39, 80-119"."""
    ranges: list[tuple[int, int]] = []
    for cpu in cpus:
        if ranges and cpu == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], cpu)
        else:
            ranges.append((cpu, cpu))
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges) or None
