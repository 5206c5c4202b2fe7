"""Which parts of the HBM a round of a stress test uses: one piece of every stripe, another one each round.

So a single round touches the whole range of addresses, all stacks, channels and banks, in a time that suits a stress
test, and eight rounds have covered everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from device.runtime import DeviceBuffer

__all__ = ["PIECE_BYTES", "ROUNDS_TO_COVER_ALL", "pairs"]

PIECE_BYTES = 256 << 20
ROUNDS_TO_COVER_ALL = 8
_STRIPE_BYTES = ROUNDS_TO_COVER_ALL * PIECE_BYTES


def pairs(whole: DeviceBuffer, number: int) -> list[tuple[DeviceBuffer, DeviceBuffer]]:
    """The piece of each stripe that belongs to a round, and the one after it; the end that fills no stripe is a stripe
    of its own, cut into as many pieces."""
    found = []
    for begin in range(0, whole.size_bytes, _STRIPE_BYTES):
        size = min(_STRIPE_BYTES, whole.size_bytes - begin)
        piece = size // ROUNDS_TO_COVER_ALL // 4096 * 4096
        if piece == 0:
            continue
        first, second = (number + step for step in (0, 1))
        places = (begin + index % ROUNDS_TO_COVER_ALL * piece for index in (first, second))
        one, two = (whole.part(place, piece) for place in places)
        found.append((one, two))
    return found
