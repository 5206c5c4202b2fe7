"""What differs between the tables of the releases. For `render.table`; facts from published outputs, 1.4 to 1.23."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["LAYOUTS", "TableLayout", "layout_of"]

_RELEASE = re.compile(r"([0-9]+)\.([0-9]+)")


@dataclass(frozen=True, slots=True)
class TableLayout:
    """The table from `first_release` (major, minor) on.

    `is_memory_percent_shown`: column Compute M. has the used share, and the second row its wider number fields.
    """

    first_release: tuple[int, int]
    memory_unit: str
    error_title: str
    is_nic_driver_shown: bool
    is_performance_state_shown: bool
    is_memory_percent_shown: bool


LAYOUTS = (
    TableLayout((1, 4), "Mib", " Volatile Uncorr. ECC ", False, False, False),
    # Spelled Mib in 1.6 and MiB in 1.12; no output of 1.7 to 1.11 is public.
    TableLayout((1, 12), "MiB", " Volatile Uncorr. ECC ", False, False, False),
    # Old in 1.18, new in 1.20; no output of 1.19 is public.
    TableLayout((1, 20), "MiB", " Volatile Uncor-Events", True, False, True),
    # Also 1.24, of which no trustworthy output is public.
    TableLayout((1, 21), "MiB", " Volatile Uncor-Events", True, True, True),
)


def layout_of(release: str) -> TableLayout:
    """Layout of a release such as 1.24 or 1.6.0; the newest one for a name without a number."""
    match = _RELEASE.match(release)
    if match is None:
        return LAYOUTS[-1]
    number = (int(match[1]), int(match[2]))
    known = [layout for layout in LAYOUTS if layout.first_release <= number]
    return known[-1] if known else LAYOUTS[0]
