"""Rows of the default table. Called by `pages`; drawn by `render.table`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hl_smi.query.processes import process_memory_mib, processes_of
from hl_smi.query.units import memory_mib, memory_percent, watts

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hlml.types import BoxInfo, DeviceSnapshot

__all__ = ["CardRow", "ProcessRow", "Table", "query_table"]


@dataclass(frozen=True, slots=True)
class CardRow:
    """One card; power and cap are the sum of the 54 V and the 12 V rail."""

    index: int
    name: str
    bus_id: str
    uncorrected_errors: int | None
    temp_c: int | None
    performance_state: int | None
    power_w: int | None
    cap_w: int | None
    used_mib: int | None
    total_mib: int
    memory_percent: int | None
    utilization_percent: int | None


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One process, or with three times None the line of a card on which the caller sees none."""

    index: int
    pid: int | None = None
    comm: str | None = None
    memory_mib: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """The whole table; versions as the header lines show them."""

    tool_version: str
    driver_version: str
    nic_driver_version: str
    cards: tuple[CardRow, ...]
    processes: tuple[ProcessRow, ...]


def query_table(box: BoxInfo, snapshots: Sequence[DeviceSnapshot]) -> Table:
    """Rows of `snapshots` in their order."""
    return Table(
        # The box's version carries its build date, which only -v and the report print.
        tool_version=box.hlml_version.split(" ")[0],
        driver_version=box.driver_version,
        nic_driver_version=box.nic_driver_version,
        cards=tuple(_card_row(snapshot) for snapshot in snapshots),
        processes=tuple(row for snapshot in snapshots for row in _process_rows(snapshot)),
    )


def _card_row(card: DeviceSnapshot) -> CardRow:
    total_mib, used_mib, _ = memory_mib(card.memory_total_bytes, card.memory_used_bytes)
    is_present = not card.is_lost
    return CardRow(
        index=card.index,
        name=card.name,
        bus_id=card.pci.bus_id,
        uncorrected_errors=card.ecc_hbm.uncorrected_volatile + card.ecc_sram.uncorrected_volatile
        if is_present
        else None,
        temp_c=card.temperature_c if is_present else None,
        performance_state=card.performance_state if is_present else None,
        power_w=watts(card.power_54v_mw) + watts(card.power_12v_mw) if is_present else None,
        cap_w=watts(card.power_54v_limit_mw) + watts(card.power_12v_limit_mw) if is_present else None,
        used_mib=used_mib if is_present else None,
        total_mib=total_mib,
        memory_percent=memory_percent(used_mib, total_mib) if is_present else None,
        utilization_percent=card.utilization_aip_percent if is_present else None,
    )


def _process_rows(card: DeviceSnapshot) -> Iterable[ProcessRow]:
    seen = [process for process in processes_of(card) if process.pid is not None]
    if not seen:
        return (ProcessRow(card.index),)
    return tuple(
        ProcessRow(card.index, process.pid, process.comm, process_memory_mib(card, process)) for process in seen
    )
