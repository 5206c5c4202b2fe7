"""Which cards a run shows: those that HABANA_VISIBLE_DEVICES leaves, then the one of -i."""

from __future__ import annotations

from collections.abc import Sequence

from hl_smi.errors import RunError

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hlml.types import DeviceSnapshot

__all__ = ["matching", "visible_indices"]

# What the container runtime takes for "no device".
_NO_DEVICE = ("", "none", "void")


def visible_indices(value: str | None) -> frozenset[int] | None:
    """Indices that HABANA_VISIBLE_DEVICES names; None for all. `value` None: the variable is not set."""
    if value is None or value.strip() == "all":
        return None
    if value.strip() in _NO_DEVICE:
        return frozenset()
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise RunError(f"HABANA_VISIBLE_DEVICES is {value!r}; expected 'all' or a comma list of indices such as 0,1")
    return frozenset(int(part) for part in parts)


def matching(snapshots: Sequence[DeviceSnapshot], bus_id: str | None) -> tuple[DeviceSnapshot, ...]:
    """The card at `bus_id`, or all of them by index."""
    ordered = tuple(sorted(snapshots, key=lambda snapshot: snapshot.index))
    if bus_id is None:
        return ordered
    found = tuple(snapshot for snapshot in ordered if snapshot.pci.bus_id.lower() == bus_id)
    if not found:
        present = ", ".join(snapshot.pci.bus_id for snapshot in ordered)
        raise RunError(f"no AIP at {bus_id}; present: {present}")
    return found
