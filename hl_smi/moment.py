"""What one page is made of. Data only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hlml.types import BoxInfo, DeviceSnapshot

__all__ = ["Moment"]


@dataclass(frozen=True, slots=True)
class Moment:
    """What there is to show: the box, the chosen cards, how many are visible.

    `timestamp` and `clock` make text of box time: the vendor's date, and hours to milliseconds.
    """

    box: BoxInfo
    snapshots: tuple[DeviceSnapshot, ...]
    attached_count: int
    timestamp: Callable[[int], str]
    clock: Callable[[int], str]
