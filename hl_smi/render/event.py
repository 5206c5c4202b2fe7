"""One line of `hl-smi events`: time, card, kind, argument; columns are separated by two blanks. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hl_smi.render.text import one_line

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hlml.types import DeviceSnapshot

__all__ = ["render_event"]


def render_event(time: str, card: DeviceSnapshot, kinds: Sequence[str], argument: int) -> str:
    """The argument is a number whose meaning depends on the kind, mostly a count."""
    where = f"AIP {card.index:<2d}  module {card.module_id:<2d}  {one_line(card.pci.bus_id)}"
    return f"{time}  {where}  {'+'.join(kinds) or 'UNKNOWN'}  {argument}\n"
