"""Patterns: the same numbers wherever they are made, and everything that differs is found and placed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.memory import Mismatch, Pattern, PatternKind, compare

BASE = 0x1001000030000000
BLOCK = 16 << 30

patterns = st.builds(Pattern, st.sampled_from(PatternKind), st.integers(0, 2**64 - 1), st.booleans())


def made(pattern: Pattern, position: int, size: int, threads: int = 1) -> np.ndarray:
    out = np.empty(size, np.uint8)
    pattern.fill(out, position, threads)
    return out


def reference(pattern: Pattern, position: int, words: int) -> np.ndarray:
    """The definition of csrc/kernels/mover.h in numpy."""
    places = np.uint64(position) + np.arange(words, dtype=np.uint64) * np.uint64(8)
    seed = np.uint64(pattern.seed)
    match pattern.kind:
        case PatternKind.CONSTANT:
            values = np.full(words, seed)
        case PatternKind.ADDRESS:
            values = places ^ seed
        case PatternKind.RANDOM:
            low, high = (random_lanes(pattern.seed, places // np.uint64(4) + np.uint64(half)) for half in (0, 1))
            values = low.astype(np.uint64) | high.astype(np.uint64) << np.uint64(32)
    return ~values if pattern.is_inverted else values


def random_lanes(seed: int, lanes: np.ndarray) -> np.ndarray:
    mask = 2**64 - 1
    keys = []
    for block in (int(lane) >> 32 for lane in lanes):
        key = (seed + block + 1) * 0x9E3779B97F4A7C15 & mask
        key = (key ^ key >> 32) * 0xD6E8FEB86659FD93 & mask
        keys.append(key >> 32)
    x = lanes.astype(np.uint32) * np.uint32(0x9E3779B1) + np.array(keys, np.uint32)
    x = (x ^ x >> np.uint32(15)) * np.uint32(0x85EBCA6B)
    return x ^ x >> np.uint32(13)


@given(patterns, st.integers(0, 2**20), st.integers(1, 64))
def test_the_numbers_are_those_of_the_definition(pattern: Pattern, place: int, words: int) -> None:
    position = BASE + 8 * place
    assert (made(pattern, position, 8 * words).view(np.uint64) == reference(pattern, position, words)).all()


@given(st.integers(0, 2**64 - 1), st.integers(-8, 8))
def test_random_numbers_go_on_over_the_border_of_a_block(seed: int, offset: int) -> None:
    position = 5 * BLOCK + 8 * offset
    pattern = Pattern(PatternKind.RANDOM, seed)
    assert (made(pattern, position, 256).view(np.uint64) == reference(pattern, position, 32)).all()


@given(patterns, st.integers(0, 200), st.integers(1, 200))
def test_a_part_is_what_the_whole_has_there(pattern: Pattern, skipped: int, words: int) -> None:
    whole = made(pattern, BASE, 8 * (skipped + words))
    assert (made(pattern, BASE + 8 * skipped, 8 * words) == whole[8 * skipped :]).all()


@settings(deadline=None, max_examples=20)
@given(patterns, st.integers(1, 2))
def test_threads_change_nothing(pattern: Pattern, threads: int) -> None:
    size = (5 << 20) + 8
    data = made(pattern, BASE, size, threads)
    assert (data == made(pattern, BASE, size)).all()
    assert pattern.check(data, BASE, threads=threads).count == 0
    assert pattern.check_generated(pattern, 0, BASE, size, threads=threads).count == 0


@given(patterns)
def test_an_inverted_pattern_turns_every_bit(pattern: Pattern) -> None:
    both = made(pattern, BASE, 4096) ^ made(pattern.inverted(), BASE, 4096)
    assert (both == 0xFF).all()
    assert pattern.inverted().inverted() == pattern


def test_no_two_random_numbers_of_a_block_are_equal_nearby() -> None:
    data = made(Pattern(PatternKind.RANDOM, 3), BASE, 8 << 20).view(np.uint32)
    assert len(np.unique(data)) == data.size


@settings(deadline=None)
@given(
    patterns, st.sets(st.integers(0, (5 << 20) // 8 - 1), min_size=1, max_size=20), st.integers(0, 8), st.integers(1, 2)
)
def test_what_differs_is_counted_and_the_first_are_named(
    pattern: Pattern, words: set[int], most: int, threads: int
) -> None:
    data = made(pattern, BASE, 5 << 20, threads=2)
    wanted = data.copy()
    data.view(np.uint64)[list(words)] ^= np.uint64(1 << 40)
    found = pattern.check(data, BASE, most, threads)
    assert found == compare(wanted, data, BASE, most, threads)
    assert found.count == len(words)
    assert [each.position for each in found.first] == [BASE + 8 * word for word in sorted(words)[:most]]
    for each in found.first:
        assert each.expected == wanted.view(np.uint64)[(each.position - BASE) // 8]
        assert each.actual == each.expected ^ 1 << 40


def test_contents_that_are_another_pattern_are_found_without_being_stored() -> None:
    own = Pattern(PatternKind.ADDRESS)
    found = own.check_generated(own, 4096, BASE, 1 << 20, most=1)
    assert found.count == (1 << 20) // 8
    assert found.first == (Mismatch(BASE, BASE, BASE + 4096),)
    assert str(found.first[0]) == "0x1001000030000000: expected 0x1001000030000000, actual 0x1001000030001000"


def test_parts_of_words_are_refused() -> None:
    with pytest.raises(ValueError, match="whole words"):
        Pattern(PatternKind.RANDOM).fill(np.empty(12, np.uint8), 0)
    with pytest.raises(ValueError, match="whole words"):
        Pattern(PatternKind.RANDOM).check(np.empty(16, np.uint8), 4)
