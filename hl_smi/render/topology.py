"""`hl-smi topo`. Affinity is the vendor's: two heading lines, then a row a module that ends in blanks, which a known
reader demands. The matrix of -m is ours. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from hl_smi.render.text import MISSING

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hl_smi.query.topology import AffinityRow, LinkCount, MatrixRow

__all__ = ["render_affinity", "render_matrix"]

_CELL_WIDTH = 7
_LEGEND = """
X     the module itself
3     links to that module, all up; 2/3: two of three are up; -: no direct link
ext   links that leave the server
"""


def render_affinity(rows: Sequence[AffinityRow], is_cpu_shown: bool, is_numa_shown: bool) -> str:
    """The columns that are asked for."""
    titles = ["modID"] + ["CPU Affinity"] * is_cpu_shown + ["NUMA Affinity"] * is_numa_shown
    lines = ["\t".join(titles) + "    ", "\t".join("-" * len(title) for title in titles) + "    "]
    for row in rows:
        cells = [row.cpus or MISSING] * is_cpu_shown + [str(row.numa_node)] * is_numa_shown
        lines.append(f"{row.module_id}\t" + "\t".join(f"{cell}  " for cell in cells))
    return "".join(f"{line}\n" for line in lines)


def render_matrix(rows: Sequence[MatrixRow]) -> str:
    """A row and a column a module, the affinity behind them, and a legend."""
    titles = ["module", *(f"m{row.module_id}" for row in rows), "ext"]
    cpus = [row.cpus or MISSING for row in rows]
    cpu_width = max(len(text) for text in ("CPU Affinity", *cpus))
    lines = [_cells(titles) + f"  {'CPU Affinity':<{cpu_width}}  NUMA Affinity"]
    for row, text in zip(rows, cpus, strict=True):
        cells = [f"m{row.module_id}", *(_links(link) for link in row.links), _links(row.external)]
        lines.append(_cells(cells) + f"  {text:<{cpu_width}}  {row.numa_node}")
    return "".join(f"{line}\n" for line in lines) + _LEGEND


def _cells(texts: Sequence[str]) -> str:
    first, *rest = texts
    return f"{first:<{_CELL_WIDTH}}" + "".join(f"{text:>{_CELL_WIDTH}}" for text in rest)


def _links(link: LinkCount | None) -> str:
    if link is None:
        return "X"
    if link.total == 0:
        return "-"
    return str(link.total) if link.up == link.total else f"{link.up}/{link.total}"
