"""Broken cells: what is read through them, and that everything else stays as it was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.address_map import AddressMap
from device.errors import EccError
from device.memory import (
    UNIT_BYTES,
    Cell,
    CellKind,
    DeviceMemory,
    FaultyCells,
    FaultyMemory,
    HostLimits,
    Pattern,
    PatternKind,
    alias_cells,
    burst_cell,
    stuck_cells,
    word_cell,
)
from device.spec import load_spec

MAP = AddressMap(load_spec("gaudi2").hbm)
BASE = MAP.base
SIZE = 2 * UNIT_BYTES
PATTERN = Pattern(PatternKind.RANDOM, 5)

places = st.integers(0, SIZE // 8 - 1).map(lambda word: 8 * word)
cells = st.one_of(
    st.builds(lambda place, bit: word_cell(BASE + place, BASE, 1 << bit, None), places, st.integers(0, 63)),
    st.builds(
        lambda place, mask, value: Cell(CellKind.STUCK, BASE + place, 256, None, mask, value),
        st.integers(0, SIZE // 256 - 1).map(lambda piece: 256 * piece),
        st.integers(1, 2**64 - 1),
        st.integers(0, 2**64 - 1),
    ),
)


def always(cell: Cell, address: int) -> bool:
    return True


def faulty(*broken: Cell, strikes: Callable[[Cell, int], bool] = always, size: int = SIZE) -> FaultyMemory:
    memory = DeviceMemory(BASE, max(size, SIZE), HostLimits, lambda used: None)
    table = FaultyCells(broken)
    return FaultyMemory(memory, lambda: table, strikes)


def spoiled(stored: np.ndarray, broken: list[Cell]) -> np.ndarray:
    """Word by word, as the words of the catalogue say it."""
    words = stored.copy().view(np.uint64)
    for cell in broken:
        for word in range((cell.begin - BASE) // 8, (cell.end - BASE) // 8):
            if word >= words.size:
                break
            now, mask = int(words[word]), cell.mask
            words[word] = now ^ mask if cell.kind is CellKind.SILENT else now & ~mask | cell.value & mask
    return words.view(np.uint8)


@settings(deadline=None, max_examples=40)
@given(st.lists(cells, min_size=1, max_size=6), places, st.integers(1, 4096), st.booleans())
def test_a_read_gets_what_the_cells_make_of_it_and_the_store_stays(
    broken: list[Cell], place: int, size: int, is_sparse: bool
) -> None:
    memory = faulty(*broken)
    address = memory.memory.allocate(SIZE, is_sparse)
    memory.fill(address, SIZE, PATTERN)
    stored = np.empty(SIZE, np.uint8)
    PATTERN.fill(stored, BASE)
    expected = spoiled(stored, broken)
    size = min(size, SIZE - place)
    out = np.empty(size, np.uint8)
    memory.read(address + place, out)
    assert (out == expected[place : place + size]).all()
    found = memory.check(address, SIZE, PATTERN, most=5)
    wrong = np.flatnonzero(expected.view(np.uint64) != stored.view(np.uint64))
    assert found.count == wrong.size
    assert [each.position - BASE for each in found.first] == (8 * wrong[:5]).tolist()
    memory.memory.read(address, out := np.empty(SIZE, np.uint8))
    assert (out == stored).all()
    memory.memory.close()


@settings(deadline=None, max_examples=25)
@given(st.lists(cells, min_size=1, max_size=4), st.booleans())
def test_a_copy_carries_what_was_read(broken: list[Cell], is_sparse: bool) -> None:
    memory = faulty(*broken, size=2 * SIZE)
    source, target = memory.memory.allocate(SIZE, is_sparse), memory.memory.allocate(SIZE, is_sparse)
    memory.fill(source, SIZE, PATTERN)
    memory.copy(target, source, SIZE)
    read, copied = np.empty(SIZE, np.uint8), np.empty(SIZE, np.uint8)
    memory.read(source, read)
    memory.memory.read(target, copied)
    assert (read == copied).all()
    memory.memory.close()


@pytest.fixture
def row() -> Iterator[tuple[Cell, ...]]:
    yield stuck_cells(BASE + 300, MAP, mask=0x11, value=0x10, source=None)


def test_an_operation_finds_wrong_bytes_in_place_and_leaves_right_ones(row: tuple[Cell, ...]) -> None:
    memory = faulty(*row)
    address = memory.memory.allocate(SIZE)
    begin = row[0].begin
    view = memory.memory.resolve(begin, 256)
    view[:] = 0xFF
    with memory.operation(reads=[(begin, 256)], writes=[(begin + 8, 8)]):
        assert set(view.view(np.uint64).tolist()) == {0xFFFFFFFFFFFFFFFE}
        view[8:16] = 3
    assert (view[:8] == 0xFF).all()
    assert (view[8:16] == 3).all()
    assert (view[16:] == 0xFF).all()
    with memory.operation(reads=[(address + SIZE // 2, 256)], writes=[]):
        assert (view[16:] == 0xFF).all()
    memory.memory.close()


def test_two_rows_of_the_same_cells_hold_what_was_written_last() -> None:
    first, (second, _) = BASE, MAP.pieces_of(MAP.row_of(BASE + (1 << 20)))[0]
    memory = faulty(*alias_cells(first, second, MAP, None))
    address = memory.memory.allocate(SIZE, is_sparse=True)
    assert address == BASE
    own = Pattern(PatternKind.ADDRESS)
    memory.fill(address, SIZE, own)
    found = memory.check(address, SIZE, own, most=3)
    assert found.count == 1024 // 8
    assert [(each.position, each.actual) for each in found.first] == [(first + at, second + at) for at in (0, 8, 16)]
    memory.write(first, np.full(16, 9, np.uint8))
    out = np.empty(16, np.uint8)
    memory.read(second, out)
    assert (out == 9).all()
    with memory.operation(reads=[], writes=[(second, 8)]):
        memory.memory.resolve(second, 8)[:] = 4
    memory.read(first, out)
    assert out.tolist() == [4] * 8 + [9] * 8
    memory.memory.close()


def test_the_other_row_need_not_be_allocated() -> None:
    memory = faulty(*alias_cells(BASE, BASE + UNIT_BYTES, MAP, None))
    address = memory.memory.allocate(1024)
    memory.write(address, np.ones(1024, np.uint8))
    out = np.empty(1024, np.uint8)
    memory.read(address, out)
    assert out.all()
    memory.memory.close()
    assert alias_cells(BASE, BASE + 8, MAP, None) == ()


def test_an_uncorrectable_cell_ends_the_access_and_only_those_that_meet_it() -> None:
    asked: list[int] = []

    def fail(cell: Cell, address: int) -> bool:
        asked.append(address)
        raise EccError("broken", address)

    cell = burst_cell(CellKind.UNCORRECTED, BASE + 4100, MAP, None)
    assert (cell.begin, cell.size) == (BASE + 4096, 32)
    memory = faulty(cell, strikes=fail)
    address = memory.memory.allocate(SIZE)
    memory.fill(address, SIZE, PATTERN)
    out = np.empty(8, np.uint8)
    memory.read(address + 4088, out)
    memory.read(address + 4128, out)
    assert asked == []
    for access in (
        lambda: memory.read(address + 4104, out),
        lambda: memory.check(address, SIZE, PATTERN),
        lambda: memory.copy(address + UNIT_BYTES, address + 4096, 32),
        lambda: memory.operation([(address + 4120, 100)], []).__enter__(),
    ):
        with pytest.raises(EccError):
            access()
    assert asked == [BASE + 4104, BASE + 4096, BASE + 4096, BASE + 4120]
    memory.memory.close()


def test_cells_that_do_not_strike_change_nothing() -> None:
    memory = faulty(word_cell(BASE, BASE, 1, None), strikes=lambda cell, address: False)
    address = memory.memory.allocate(SIZE)
    memory.fill(address, SIZE, PATTERN)
    assert memory.check(address, SIZE, PATTERN).count == 0
    memory.memory.close()


@given(st.integers(0, 1 << 16), st.integers(1, 1 << 15), st.integers(0, 4088), st.sampled_from([4096, 8192]))
def test_a_cell_of_a_cache_serves_every_address_that_maps_there(begin: int, size: int, at: int, period: int) -> None:
    cell = Cell(CellKind.CORRECTED, at, 8, None, period=period)
    served = [address for address in range(begin, begin + size) if 0 <= (address - at) % period < 8]
    assert cell.meets(begin, begin + size) == (served[0] if served else None)


def test_no_cells_are_false_and_cost_no_question() -> None:
    assert not FaultyCells()
    memory = faulty()
    address = memory.memory.allocate(64)
    with memory.operation([(address, 64)], [(address, 64)]):
        pass
    memory.memory.close()
