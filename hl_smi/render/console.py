"""What the firmware of a card writes on its console: one line a moment. Pure."""

from __future__ import annotations

from hl_smi.query.units import watts
from hl_smi.render.text import MISSING, one_line

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hlml.types import DeviceSnapshot

__all__ = ["console_line"]


def console_line(card: DeviceSnapshot) -> str:
    """Box time in seconds, status, SoC clock, both rails, hottest sensor. Ends as a serial line does."""
    seconds, nanoseconds = divmod(card.box_time_ns, 1_000_000_000)
    if card.is_lost:
        measured = f"soc={MISSING} 54v={MISSING} 12v={MISSING} temp={MISSING}"
    else:
        rails = f"54v={watts(card.power_54v_mw)}W 12v={watts(card.power_12v_mw)}W"
        measured = f"soc={card.clock_soc_mhz}MHz {rails} temp={card.temperature_c}C"
    return f"[{seconds}.{nanoseconds // 1000:06d}] arc1: {one_line(card.status)}: {measured}\r\n"
