"""Which addresses are taken: a first-fit allocator of one contiguous range. Pure bookkeeping, no contents."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

__all__ = ["ALIGNMENT", "AddressSpace", "Block"]

# Of addresses and sizes: the cache line, 128 bytes on Gaudi, on which the engines' accesses are aligned at best.
ALIGNMENT = 128


@dataclass(frozen=True, slots=True, order=True)
class Block:
    """`size_bytes` is what was asked for, `reserved_bytes` that rounded up to the alignment."""

    address: int
    size_bytes: int
    reserved_bytes: int

    @property
    def end(self) -> int:
        return self.address + self.reserved_bytes


class AddressSpace:
    """[base, base + size). Not thread-safe: DeviceMemory holds a lock."""

    def __init__(self, base: int, size_bytes: int) -> None:
        self.base = base
        self.size_bytes = size_bytes
        self._free: list[tuple[int, int]] = [(base, base + size_bytes)]
        self._addresses: list[int] = []
        self._blocks: dict[int, Block] = {}

    @property
    def free_bytes(self) -> int:
        return sum(end - start for start, end in self._free)

    @property
    def largest_free_bytes(self) -> int:
        return max((end - start for start, end in self._free), default=0)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Taken, in the order of their addresses."""
        return tuple(self._blocks[address] for address in self._addresses)

    def allocate(self, size_bytes: int, alignment: int = ALIGNMENT) -> Block | None:
        """The lowest place that is large enough; None if there is none. `alignment` counts from the base and is a
        multiple of ALIGNMENT."""
        if size_bytes < 1 or alignment < 1 or alignment % ALIGNMENT:
            raise ValueError(
                f"{size_bytes} bytes aligned to {alignment}; expected 1 or more, and a multiple of {ALIGNMENT}"
            )
        reserved = -(-size_bytes // ALIGNMENT) * ALIGNMENT
        for index, (start, end) in enumerate(self._free):
            begin = start + (self.base - start) % alignment
            if end - begin >= reserved:
                return self._take(index, Block(begin, size_bytes, reserved))
        return None

    def free(self, address: int) -> Block | None:
        """None if no block begins there; the neighbouring free ranges grow together."""
        block = self._blocks.pop(address, None)
        if block is None:
            return None
        del self._addresses[bisect.bisect_left(self._addresses, address)]
        start, end = block.address, block.end
        index = bisect.bisect_left(self._free, (start, end))
        if index < len(self._free) and self._free[index][0] == end:
            end = self._free.pop(index)[1]
        if index > 0 and self._free[index - 1][1] == start:
            index -= 1
            start = self._free.pop(index)[0]
        self._free.insert(index, (start, end))
        return block

    def find(self, address: int) -> Block | None:
        """The taken block that contains the address."""
        index = bisect.bisect_right(self._addresses, address) - 1
        if index < 0:
            return None
        block = self._blocks[self._addresses[index]]
        return block if address < block.address + block.size_bytes else None

    def _take(self, index: int, block: Block) -> Block:
        start, end = self._free[index]
        rest = [piece for piece in ((start, block.address), (block.end, end)) if piece[0] < piece[1]]
        self._free[index : index + 1] = rest
        bisect.insort(self._addresses, block.address)
        self._blocks[block.address] = block
        return block
