"""`hl-smi dmon`: a virtual console for the firmware of each chosen card, named on standard output as `ARC1:<pts>`.

Known of the vendor's form is that it opens virtual consoles and prints lines with `ARC1:<pts>`, and that it stays until
it is ended; what the firmware writes is not. Here it is a status line a second, of what the card measures. Called by
`cli`, which gives what writes.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hl_smi.render.console import console_line

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hlml import Device
    from hlml.types import DeviceSnapshot

__all__ = ["serve_consoles"]

_PERIOD_MS = 1000


@dataclass(frozen=True, slots=True)
class _Console:
    """Both ends of a pseudo terminal; `near` is ours, `far` is kept open so that a reader may come and go."""

    device: Device
    near: int
    far: int
    path: str


def serve_consoles(devices: Sequence[Device], cards: Sequence[DeviceSnapshot], write: Callable[[str], None]) -> None:
    """Open and name the consoles of `cards` (the same ones as `devices`), then serve them.

    Ends by a signal, when the reader of standard output goes away, or by what reading a card raises.
    """
    consoles: list[_Console] = []
    try:
        for device in devices:
            consoles.append(_open(device))
        write("".join(_naming(card, console, len(cards) > 1) for card, console in zip(cards, consoles, strict=True)))
        while not _is_reader_gone():
            for console in consoles:
                _put(console, console_line(console.device.snapshot()))
    finally:
        for console in consoles:
            os.close(console.near)
            os.close(console.far)


def _open(device: Device) -> _Console:
    import tty

    near, far = os.openpty()
    tty.setraw(far)  # what is written comes out as it is, and nothing is echoed back
    os.set_blocking(near, False)
    return _Console(device, near, far, os.ttyname(far))


def _naming(card: DeviceSnapshot, console: _Console, is_headed: bool) -> str:
    heading = f"[{card.index}] AIP (accel{card.minor}) {card.pci.bus_id}\n" if is_headed else ""
    return f"{heading}ARC1:{console.path}\n"


def _put(console: _Console, line: str) -> None:
    """A console that nobody reads fills up; the lines that do not fit are lost, as on a serial line."""
    with contextlib.suppress(BlockingIOError):
        os.write(console.near, line.encode("ascii", "replace"))


def _is_reader_gone() -> bool:
    """Waits for a period; the consoles are of no use to anybody once nobody can learn their names."""
    if sys.stdout is None:
        return True
    poller = select.poll()
    poller.register(sys.stdout.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLNVAL) for _, event in poller.poll(_PERIOD_MS))
