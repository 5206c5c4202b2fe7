"""What `top` shows of a card: plain rows, their order, and the filter. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hl_smi.query.stream import throttle_names
from hl_smi.query.units import memory_mib, memory_percent, watts
from hl_smi.render.text import one_line
from hlml.types import DeviceSnapshot

__all__ = ["SORTS", "CardRow", "chosen", "query_cards"]


@dataclass(frozen=True, slots=True)
class CardRow:
    """One card. Power and cap are those of the table, both rails. `engines`: (name, share 0..1)."""

    index: int
    module_id: int
    name: str
    bus_id: str
    is_lost: bool
    status: str
    utilization_percent: int
    power_w: int
    cap_w: int
    temperature_c: int
    critical_c: float
    clock_mhz: int
    clock_max_mhz: int
    memory_percent: int
    used_mib: int
    engines: tuple[tuple[str, float], ...]
    throttle: tuple[str, ...]
    links: int
    links_up: int
    ecc_corrected: int
    ecc_uncorrected: int
    is_row_pending: bool
    processes: tuple[str, ...]

    @property
    def troubles(self) -> tuple[str, ...]:
        """What needs attention, in words; never told by colour alone."""
        if self.is_lost:
            return ("LOST",)
        found = [] if self.status == "Operational" else [self.status]
        found += [f"slow:{reason}" for reason in self.throttle]
        down = self.links - self.links_up
        if down:
            found.append(f"{down} link{'' if down == 1 else 's'} down")
        if self.ecc_uncorrected:
            found.append(f"ECC {self.ecc_uncorrected}")
        if self.is_row_pending:
            found.append("row pending")
        return tuple(found)


def query_cards(snapshots: Sequence[DeviceSnapshot]) -> tuple[CardRow, ...]:
    """Rows in the order of the snapshots."""
    return tuple(_row(card) for card in snapshots)


def _row(card: DeviceSnapshot) -> CardRow:
    total_mib, used_mib, _ = memory_mib(card.memory_total_bytes, card.memory_used_bytes)
    # An external port without a cable is no trouble.
    links = [port for port in card.ports if port.is_connected and not port.is_external]
    critical = min((sensor.critical_c for sensor in card.sensors[:1]), default=100.0)
    return CardRow(
        index=card.index,
        module_id=card.module_id,
        name=one_line(card.name),
        bus_id=one_line(card.pci.bus_id),
        is_lost=card.is_lost,
        status=one_line(card.status),
        utilization_percent=card.utilization_aip_percent,
        power_w=watts(card.power_54v_mw) + watts(card.power_12v_mw),
        cap_w=watts(card.power_54v_limit_mw) + watts(card.power_12v_limit_mw),
        temperature_c=card.temperature_c,
        critical_c=critical,
        clock_mhz=card.clock_soc_mhz,
        clock_max_mhz=card.clock_soc_max_mhz,
        memory_percent=memory_percent(used_mib, total_mib),
        used_mib=used_mib,
        engines=tuple(card.engine_activity.items()),
        throttle=throttle_names(card.throttle_reasons),
        links=len(links),
        links_up=sum(port.is_up for port in links),
        ecc_corrected=card.ecc_hbm.corrected_volatile + card.ecc_sram.corrected_volatile,
        ecc_uncorrected=card.ecc_hbm.uncorrected_volatile + card.ecc_sram.uncorrected_volatile,
        is_row_pending=card.is_row_replacement_pending,
        processes=tuple(
            f"{process.pid} {one_line(process.comm or '')}" if process.pid is not None else "other user"
            for process in card.processes
        ),
    )


# Name -> smallest first; measurements are negative, so that the largest comes first.
SORTS: dict[str, Callable[[CardRow], float]] = {
    "index": lambda row: row.index,
    "module": lambda row: row.module_id,
    "util": lambda row: -row.utilization_percent,
    "power": lambda row: -row.power_w,
    "temp": lambda row: -row.temperature_c,
    "memory": lambda row: -row.used_mib,
    "trouble": lambda row: -len(row.troubles),
}


def chosen(rows: Sequence[CardRow], sort: str, wanted: str) -> tuple[CardRow, ...]:
    """The rows that have every word of `wanted` in what is known of them, in the order of `sort`."""
    words = wanted.lower().split()
    found = [row for row in rows if all(word in _text_of(row) for word in words)]
    return tuple(sorted(found, key=lambda row: (SORTS[sort](row), row.index)))


def _text_of(row: CardRow) -> str:
    state = "busy" if row.utilization_percent else "idle"
    words = (f"aip{row.index}", f"m{row.module_id}", row.name, row.bus_id, row.status, state)
    return " ".join((*words, *row.troubles, *row.processes)).lower()
