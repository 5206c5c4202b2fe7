"""`hl-smi topo`: two heading lines, then a row a module; a row ends in blanks, which a known reader demands. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hl_smi.render.text import MISSING

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hl_smi.query.topology import AffinityRow

__all__ = ["render_affinity"]


def render_affinity(rows: Sequence[AffinityRow], is_cpu_shown: bool, is_numa_shown: bool) -> str:
    """The columns that are asked for."""
    titles = ["modID"] + ["CPU Affinity"] * is_cpu_shown + ["NUMA Affinity"] * is_numa_shown
    lines = ["\t".join(titles) + "    ", "\t".join("-" * len(title) for title in titles) + "    "]
    for row in rows:
        cells = [row.cpus or MISSING] * is_cpu_shown + [str(row.numa_node)] * is_numa_shown
        lines.append(f"{row.module_id}\t" + "\t".join(f"{cell}  " for cell in cells))
    return "".join(f"{line}\n" for line in lines)
