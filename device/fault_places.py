"""Where a memory fault sits: its address, checked or chosen, and whether its row has been replaced already.

Pure but for the look at the card's rows. What the fault does there belongs to device/memory and device/runtime.
"""

from __future__ import annotations

from device.address_map import AddressMap
from device.card import CardState
from device.errors import BoxError
from device.seeds import seeded
from device.spec import AsicSpec, load_spec

__all__ = ["IN_SPARE", "alias_partner", "is_replaced", "memory_address"]

# Of FaultRecord.flags: the row had been replaced when the fault was injected, so the fault is one of the spare row.
IN_SPARE = 1 << 16

# Nobody who names neither place nor seed (the tools' default is 1) wants a place that no program touches.
_FIRST_BYTE_SEEDS = (0, 1)

# Places that are chosen are whole bursts of the HBM.
_STEP_BYTES = 32


def memory_address(card: CardState, name: str, address: int, seed: int, degree: float) -> int:
    """The place of a fault. 0 lets the seed choose: seeds 0 and 1 take the first user byte, which the next allocation
    gets, any other one a place in the whole memory. BoxError says which addresses there are."""
    spec = load_spec(card.identity.family)
    begin, end = _range(card, spec, name)
    if address == 0:
        steps = (end - begin) // _STEP_BYTES
        address = begin if seed in _FIRST_BYTE_SEEDS else begin + seeded(seed, name) % steps * _STEP_BYTES
        if name == "hbm-alias" and not _shows(spec, address, degree, begin):
            address = begin
    if not begin <= address < end:
        raise BoxError(f"{name}: 0x{address:x} is no such memory of card {card.index}; 0x{begin:x} to 0x{end:x} is")
    if name == "hbm-alias" and not _shows(spec, address, degree, begin):
        raise BoxError(
            f"{name}: with bit {degree:g} turned, 0x{address:x} is no other row of the user's HBM; choose another bit"
        )
    return address


def alias_partner(spec: AsicSpec, address: int, bit: float) -> int | None:
    """The address that falls on the same row if this bit of the offset is not decoded; None: there is none."""
    addresses = AddressMap(spec.hbm)
    other = addresses.base + ((address - addresses.base) ^ 1 << int(bit))
    if not addresses.base <= other < addresses.end or addresses.row_of(other) == addresses.row_of(address):
        return None
    return other


def _shows(spec: AsicSpec, address: int, bit: float, begin: int) -> bool:
    """Whether the other row is one that programs can have: below `begin` lies what the firmware keeps."""
    other = alias_partner(spec, address, bit)
    return other is not None and other >= begin


def is_replaced(card: CardState, address: int) -> bool:
    """Whether the row at this address of the HBM is a spare one by now."""
    addresses = AddressMap(load_spec(card.identity.family).hbm)
    if not addresses.base <= address < addresses.end:
        return False
    row = addresses.row_of(address)
    return any(repair.row == row and not repair.is_pending for repair in card.row_repairs())


def _range(card: CardState, spec: AsicSpec, name: str) -> tuple[int, int]:
    if name.startswith("sram"):
        return spec.sram.base_address + spec.sram.reserved_bytes, spec.sram.base_address + spec.sram.size_bytes
    base = spec.hbm.base_address
    return base + card.identity.memory_reserved_bytes, base + card.identity.memory_total_bytes
