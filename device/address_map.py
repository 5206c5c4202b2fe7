"""Where a device address lies in the HBM: stack, channel, pseudo channel, stack id, bank, row and column, and back.

Pure arithmetic on the facts of an ASIC, a bijection of the whole memory. Neighbouring pieces of `interleave_bytes` go
to neighbouring stacks, then channels, then pseudo channels, so that a stream of accesses uses all of them; a row is
filled next, then the banks, the stack ids, and the row numbers last. The real order is not public; this one is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

from device.spec import HbmSpec

__all__ = ["AddressMap", "HbmLocation", "HbmRow"]


@dataclass(frozen=True, slots=True, order=True)
class HbmRow:
    """One row of cells, as row repairs name it: `pseudo_channel` counts those of the stack, 2 x channel + its half."""

    stack: int
    pseudo_channel: int
    stack_id: int
    bank: int
    row: int

    def __str__(self) -> str:
        return (
            f"HBM {self.stack} pseudo channel {self.pseudo_channel} stack id {self.stack_id} "
            f"bank {self.bank} row {self.row}"
        )


@dataclass(frozen=True, slots=True, order=True)
class HbmLocation:
    """One byte: `pseudo_channel` is the half of the channel, `column` the byte within the row."""

    stack: int
    channel: int
    pseudo_channel: int
    stack_id: int
    bank: int
    row: int
    column: int


class AddressMap:
    """Of one ASIC. ValueError if its facts do not fit together."""

    def __init__(self, hbm: HbmSpec) -> None:
        self.hbm = hbm
        rows = hbm.stacks * hbm.channels_per_stack * hbm.pseudo_channels * hbm.stack_ids * hbm.banks
        self.rows_per_bank, rest = divmod(hbm.size_bytes, rows * hbm.row_bytes)
        if rest or hbm.row_bytes % hbm.interleave_bytes:
            raise ValueError(
                f"{hbm.size_bytes} bytes are no whole number of rows of {hbm.row_bytes} bytes in {rows} banks, "
                f"cut into pieces of {hbm.interleave_bytes}"
            )
        # Mixed radix, what changes fastest first: stack, channel, half, piece of the row, bank, stack id, row.
        self._radices = (
            hbm.stacks,
            hbm.channels_per_stack,
            hbm.pseudo_channels,
            hbm.row_bytes // hbm.interleave_bytes,
            hbm.banks,
            hbm.stack_ids,
            self.rows_per_bank,
        )

    @property
    def base(self) -> int:
        return self.hbm.base_address

    @property
    def end(self) -> int:
        return self.hbm.base_address + self.hbm.size_bytes

    def locate(self, address: int) -> HbmLocation:
        """ValueError for an address outside of the HBM."""
        if not self.base <= address < self.end:
            raise ValueError(f"0x{address:x} is no HBM address; they lie between 0x{self.base:x} and 0x{self.end:x}")
        piece, byte = divmod(address - self.base, self.hbm.interleave_bytes)
        digits = []
        for radix in self._radices:
            piece, digit = divmod(piece, radix)
            digits.append(digit)
        stack, channel, half, part, bank, stack_id, row = digits
        return HbmLocation(stack, channel, half, stack_id, bank, row, part * self.hbm.interleave_bytes + byte)

    def address_of(self, location: HbmLocation) -> int:
        """The inverse. ValueError for a place that the HBM does not have."""
        part, byte = divmod(location.column, self.hbm.interleave_bytes)
        digits = (
            location.stack,
            location.channel,
            location.pseudo_channel,
            part,
            location.bank,
            location.stack_id,
            location.row,
        )
        piece = 0
        for digit, radix in zip(reversed(digits), reversed(self._radices), strict=True):
            if not 0 <= digit < radix:
                raise ValueError(f"{location} does not exist: {digit} is not below {radix}")
            piece = piece * radix + digit
        return self.base + piece * self.hbm.interleave_bytes + byte

    def row_of(self, address: int) -> HbmRow:
        place = self.locate(address)
        pseudo_channel = self.hbm.pseudo_channels * place.channel + place.pseudo_channel
        return HbmRow(place.stack, pseudo_channel, place.stack_id, place.bank, place.row)

    def pieces_of(self, row: HbmRow) -> tuple[tuple[int, int], ...]:
        """The row's bytes as ranges of addresses (begin, size), in the order of the columns."""
        channel, half = divmod(row.pseudo_channel, self.hbm.pseudo_channels)
        size = self.hbm.interleave_bytes
        places = (
            HbmLocation(row.stack, channel, half, row.stack_id, row.bank, row.row, column)
            for column in range(0, self.hbm.row_bytes, size)
        )
        return tuple((self.address_of(place), size) for place in places)
