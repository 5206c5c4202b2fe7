"""Laws of the allocator: nothing overlaps, nothing is lost, what is freed comes back."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from device.memory import ALIGNMENT, AddressSpace

BASE = 0x1001000030000000
SIZE = 64 * ALIGNMENT


class Allocations(RuleBasedStateMachine):
    """Random allocations and frees against the laws."""

    addresses = Bundle("addresses")

    def __init__(self) -> None:
        super().__init__()
        self.space = AddressSpace(BASE, SIZE)
        self.sizes: dict[int, int] = {}

    @rule(target=addresses, size=st.integers(1, SIZE))
    def allocate(self, size: int) -> object:
        largest = self.space.largest_free_bytes
        block = self.space.allocate(size)
        if block is None:
            assert size > largest
            return multiple()
        assert block.address % ALIGNMENT == 0
        assert block.size_bytes == size
        self.sizes[block.address] = size
        return block.address

    @rule(target=addresses, size=st.integers(1, SIZE), units=st.sampled_from([2, 8, 16]))
    def allocate_aligned(self, size: int, units: int) -> object:
        alignment = units * ALIGNMENT
        block = self.space.allocate(size, alignment)
        if block is None:
            assert size > self.space.largest_free_bytes - alignment
            return multiple()
        assert (block.address - BASE) % alignment == 0
        self.sizes[block.address] = size
        return block.address

    @rule(address=consumes(addresses))
    def free(self, address: int) -> None:
        block = self.space.free(address)
        assert block is not None
        assert block.size_bytes == self.sizes.pop(address)
        assert self.space.free(address) is None

    @invariant()
    def blocks_lie_apart_and_inside(self) -> None:
        blocks = self.space.blocks
        assert [block.address for block in blocks] == sorted(self.sizes)
        assert all(block.address >= BASE and block.end <= BASE + SIZE for block in blocks)
        assert all(first.end <= second.address for first, second in itertools.pairwise(blocks))

    @invariant()
    def free_and_taken_make_the_whole(self) -> None:
        assert self.space.free_bytes + sum(block.reserved_bytes for block in self.space.blocks) == SIZE


TestAllocations = Allocations.TestCase


@given(st.permutations(range(8)))
def test_freeing_all_in_any_order_gives_one_piece(order: list[int]) -> None:
    space = AddressSpace(BASE, SIZE)
    blocks = [space.allocate(8 * ALIGNMENT) for _ in range(8)]
    for index in order:
        block = blocks[index]
        assert block is not None
        space.free(block.address)
    assert space.largest_free_bytes == SIZE


def test_first_fit_takes_the_lowest_hole() -> None:
    space = AddressSpace(BASE, SIZE)
    blocks = [space.allocate(ALIGNMENT) for _ in range(4)]
    addresses = [block.address for block in blocks if block is not None]
    space.free(addresses[2])
    space.free(addresses[0])
    again = space.allocate(1)
    assert again is not None
    assert again.address == addresses[0]


def test_find_knows_the_inside_but_not_the_padding() -> None:
    space = AddressSpace(BASE, SIZE)
    block = space.allocate(100)
    assert block is not None
    assert space.find(block.address + 99) == block
    assert space.find(block.address + 100) is None
    assert space.find(block.address - 1) is None


def test_an_empty_allocation_is_refused() -> None:
    with pytest.raises(ValueError, match="0 bytes"):
        AddressSpace(BASE, SIZE).allocate(0)
