"""The memory faults of a held card: which cells are broken now, and what is counted and repaired when one strikes.

Between the card's list of faults, the tables of device/memory and the card's ECC counters. Any thread.
"""

from __future__ import annotations

from typing import NoReturn

from device._device import lib
from device.address_map import AddressMap, HbmRow
from device.card import CardState, FaultRecord, RepairCause, RowRepair
from device.errors import EccError
from device.fault_places import IN_SPARE, alias_partner, is_replaced
from device.faults import FaultGate, fault_of_kind
from device.memory import Cell, CellKind, FaultyCells, alias_cells, burst_cell, stuck_cells, word_cell
from device.seeds import seeded
from device.spec import AsicSpec, SramKind

__all__ = ["MemoryFaults"]

_HBM_FAULTS = ("hbm-sbe", "hbm-dbe", "hbm-silent", "hbm-stuck", "hbm-alias")
_SRAM_FAULTS = ("sram-sbe", "sram-dbe")

# What the degree says is a chance; the others are always there.
_BY_CHANCE = (CellKind.CORRECTED, CellKind.UNCORRECTED, CellKind.SILENT)

# Bytes of an SRAM that its code covers together: one word of the data path is assumed.
_SRAM_WORD_BYTES = 8

# Of the kernel log.
_LEVEL_ERROR = 3

_NOTHING = FaultyCells()


class MemoryFaults:
    """`gate` is that of the card's engines. A cache has no addresses: its cells are met on the way to the HBM."""

    def __init__(self, card: CardState, gate: FaultGate, spec: AsicSpec) -> None:
        self._card = card
        self._gate = gate
        self._spec = spec
        self._addresses = AddressMap(spec.hbm)
        self._is_cache = spec.sram.kind is SramKind.CACHE
        self._hbm_names = _HBM_FAULTS + (_SRAM_FAULTS if self._is_cache else ())

    def hbm_cells(self) -> FaultyCells:
        """As of now; under a microsecond if the card has no fault."""
        return self._cells(self._hbm_names)

    def sram_cells(self) -> FaultyCells:
        return self._cells(_SRAM_FAULTS)

    def bandwidth_share(self) -> float:
        """What is left of the HBM's bandwidth: that of the worst fault, 1 without any."""
        if not self._gate.has_faults:
            return 1.0
        return min((record.degree for record in self._gate.active("hbm-slow")), default=1.0)

    def strikes(self, cell: Cell, address: int) -> bool:
        """A read has met the cell, first at `address`: whether it acts. EccError if the data cannot be corrected."""
        record = cell.source
        assert isinstance(record, FaultRecord)
        if not self._gate.draw(record, record.degree if cell.kind in _BY_CHANCE else 1.0):
            return False
        is_sram = _name(record).startswith("sram")
        if cell.kind is CellKind.CORRECTED:
            self._count_corrected(record, address, is_sram)
        elif cell.kind is CellKind.UNCORRECTED:
            self._fail(address, is_sram)
        return True

    def _cells(self, names: tuple[str, ...]) -> FaultyCells:
        self._gate.refresh()
        if not self._gate.has_faults:
            return _NOTHING
        records = (record for name in names for record in self._gate.active(name))
        return FaultyCells(cell for record in records for cell in self._cells_of(record))

    def _cells_of(self, record: FaultRecord) -> tuple[Cell, ...]:
        """None in a row that has been replaced since."""
        name, address = _name(record), record.address
        if name in _SRAM_FAULTS:
            return (self._sram_cell(name, record),)
        if not record.flags & IN_SPARE and is_replaced(self._card, address):
            return ()
        match name:
            case "hbm-silent":
                bit = seeded(record.seed, "bit") % 64
                return (word_cell(address, self._addresses.base, 1 << bit, record),)
            case "hbm-stuck":
                mask = _bits(record.seed, int(record.degree))
                return stuck_cells(address, self._addresses, mask, seeded(record.seed, "value"), record)
            case "hbm-alias":
                partner = alias_partner(self._spec, address, record.degree)
                return () if partner is None else alias_cells(address, partner, self._addresses, record)
        kind = CellKind.CORRECTED if name == "hbm-sbe" else CellKind.UNCORRECTED
        return (burst_cell(kind, address, self._addresses, record),)

    def _sram_cell(self, name: str, record: FaultRecord) -> Cell:
        kind = CellKind.CORRECTED if name == "sram-sbe" else CellKind.UNCORRECTED
        begin = record.address - record.address % _SRAM_WORD_BYTES
        if not self._is_cache:
            return Cell(kind, begin, _SRAM_WORD_BYTES, record)
        place = self._addresses.base + begin - self._spec.sram.base_address
        return Cell(kind, place, _SRAM_WORD_BYTES, record, period=self._spec.sram.size_bytes)

    def _count_corrected(self, record: FaultRecord, address: int, is_sram: bool) -> None:
        if is_sram:
            self._card.count_ecc(sram_corrected=1)
            self._card.post_event(lib.GAUDI_EVENT_ECC_CORRECTED, address)
            return
        is_suspect = record.hits + 1 >= self._spec.hbm.single_bit_limit
        repairs = (self._repair(address, RepairCause.SINGLE_BIT),) if is_suspect else ()
        self._card.count_ecc(hbm_corrected=1, repairs=repairs)
        self._card.post_event(lib.GAUDI_EVENT_DRAM_CORRECTED, address)

    def _fail(self, address: int, is_sram: bool) -> NoReturn:
        if is_sram:
            self._card.count_ecc(sram_uncorrected=1)
            self._card.post_event(lib.GAUDI_EVENT_ECC_ERROR, address)
            self._log(address)
            raise EccError(f"uncorrectable ECC error in the SRAM, met by the access of 0x{address:x}", address)
        repair = self._repair(address, RepairCause.DOUBLE_BIT)
        self._card.count_ecc(hbm_uncorrected=1, repairs=(repair,))
        self._card.post_event(lib.GAUDI_EVENT_DRAM_ERROR, address)
        self._log(address)
        raise EccError(
            f"uncorrectable ECC error at 0x{address:x}, {repair.row}; the row is replaced at the next reset", address
        )

    def _log(self, address: int) -> None:
        """The driver's line for an uncorrectable error; syndrome and block are not modelled."""
        text = f"ECC error detected. address: 0x{address:x}. Syndrom: 0x0. block id 0. critical 0."
        self._card.log(_LEVEL_ERROR, text)

    def _repair(self, address: int, cause: RepairCause) -> RowRepair:
        row: HbmRow = self._addresses.row_of(address)
        return RowRepair(row, cause, is_pending=True)


def _name(record: FaultRecord) -> str:
    fault = fault_of_kind(record.kind)
    return "" if fault is None else fault.name


def _bits(seed: int, count: int) -> int:
    """A mask of so many bits of a word; more than the code can see, if there are several."""
    places = sorted(range(64), key=lambda place: seeded(seed, "line", place))
    return sum(1 << place for place in places[:count])
