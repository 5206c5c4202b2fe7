"""Columns and rows of `hl-smi stream`. Drawn by `render.stream`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hl_smi.query.units import memory_mib, watts
from hlml.types import ThrottleReason

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hlml.types import DeviceSnapshot

__all__ = ["COLUMNS", "Column", "query_stream", "throttle_names"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `key` names it in JSON, `title` and `unit` stand above it. `is_live`: a lost card has no value."""

    key: str
    title: str
    unit: str
    width: int
    value: Callable[[DeviceSnapshot], int | str]
    is_live: bool = True


def throttle_names(reasons: ThrottleReason) -> tuple[str, ...]:
    """The reasons in words."""
    named = ((ThrottleReason.POWER, "power"), (ThrottleReason.THERMAL, "thermal"))
    return tuple(name for reason, name in named if reasons & reason)


def _engine(name: str) -> Column:
    def percent(card: DeviceSnapshot) -> int:
        return round(card.engine_activity.get(name, 0.0) * 100)

    return Column(f"{name}_percent", name, "%", 5, percent)


def _links_down(card: DeviceSnapshot) -> int:
    # An external port without a cable is no trouble.
    return sum(port.is_connected and not port.is_external and not port.is_up for port in card.ports)


COLUMNS = (
    Column("index", "aip", "", 3, lambda card: card.index, is_live=False),
    Column("module_id", "mod", "", 4, lambda card: card.module_id, is_live=False),
    Column("utilization_percent", "util", "%", 5, lambda card: card.utilization_aip_percent),
    Column("power_54v_w", "54V", "W", 5, lambda card: watts(card.power_54v_mw)),
    Column("power_12v_w", "12V", "W", 4, lambda card: watts(card.power_12v_mw)),
    Column("temperature_c", "temp", "C", 5, lambda card: card.temperature_c),
    Column("clock_soc_mhz", "soc", "MHz", 5, lambda card: card.clock_soc_mhz),
    Column("memory_used_mib", "mem", "MiB", 7, lambda card: memory_mib(0, card.memory_used_bytes)[1]),
    *(_engine(name) for name in ("mme", "tpc", "dma", "hbm", "nic", "pcie")),
    Column("throttle", "throttle", "", 13, lambda card: "+".join(throttle_names(card.throttle_reasons)) or "-"),
    Column("ecc_uncorrected", "ecc", "", 4, lambda card: card.ecc_hbm.uncorrected_volatile
           + card.ecc_sram.uncorrected_volatile),
    Column("links_down", "down", "links", 6, _links_down),
)  # fmt: skip


def query_stream(snapshots: Sequence[DeviceSnapshot]) -> tuple[tuple[int | str | None, ...], ...]:
    """One row a card, one value a column."""
    return tuple(
        tuple(None if card.is_lost and column.is_live else column.value(card) for column in COLUMNS)
        for card in snapshots
    )
