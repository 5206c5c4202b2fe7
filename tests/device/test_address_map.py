"""The address map is a bijection, and neighbours use different stacks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.address_map import AddressMap, HbmLocation
from device.spec import load_spec

MAPS = {name: AddressMap(load_spec(name).hbm) for name in ("gaudi", "gaudi2", "gaudi3")}

maps = st.sampled_from(list(MAPS.values()))


@given(maps, st.integers(0, 2**40))
def test_every_address_has_one_place_and_comes_back(addresses: AddressMap, number: int) -> None:
    address = addresses.base + number % addresses.hbm.size_bytes
    assert addresses.address_of(addresses.locate(address)) == address


@given(maps, st.data())
def test_every_place_has_one_address_and_comes_back(addresses: AddressMap, data: st.DataObject) -> None:
    hbm = addresses.hbm
    limits = (hbm.stacks, hbm.channels_per_stack, hbm.pseudo_channels, hbm.stack_ids, hbm.banks)
    digits = [data.draw(st.integers(0, limit - 1)) for limit in (*limits, addresses.rows_per_bank, hbm.row_bytes)]
    place = HbmLocation(*digits)
    address = addresses.address_of(place)
    assert addresses.base <= address < addresses.end
    assert addresses.locate(address) == place


@given(maps, st.integers(0, 2**40))
def test_the_pieces_of_a_row_are_the_row_and_nothing_else(addresses: AddressMap, number: int) -> None:
    address = addresses.base + number % addresses.hbm.size_bytes
    row = addresses.row_of(address)
    pieces = addresses.pieces_of(row)
    assert sum(size for _, size in pieces) == addresses.hbm.row_bytes
    assert sum(begin <= address < begin + size for begin, size in pieces) == 1
    for begin, size in pieces:
        assert addresses.row_of(begin) == addresses.row_of(begin + size - 1) == row
        for outside in (begin - 1, begin + size):
            if addresses.base <= outside < addresses.end:
                assert addresses.row_of(outside) != row


@pytest.mark.parametrize("name", MAPS)
def test_row_numbers_fit_the_16_bits_of_a_repair_record(name: str) -> None:
    assert MAPS[name].rows_per_bank == 32768


@pytest.mark.parametrize("name", MAPS)
def test_a_stream_of_accesses_uses_every_pseudo_channel_in_turn(name: str) -> None:
    addresses = MAPS[name]
    hbm = addresses.hbm
    ways = hbm.stacks * hbm.channels_per_stack * hbm.pseudo_channels
    rows = [addresses.row_of(addresses.base + piece * hbm.interleave_bytes) for piece in range(ways)]
    assert len({(row.stack, row.pseudo_channel) for row in rows}) == ways
    assert [row.stack for row in rows[: hbm.stacks]] == list(range(hbm.stacks))
    assert {row.row for row in rows} == {0}


def test_pseudo_channels_of_repair_records_count_those_of_the_stack() -> None:
    addresses = MAPS["gaudi2"]
    place = replace(addresses.locate(addresses.base), channel=5, pseudo_channel=1)
    assert addresses.row_of(addresses.address_of(place)).pseudo_channel == 11


def test_what_is_outside_is_refused_with_the_range() -> None:
    addresses = MAPS["gaudi2"]
    with pytest.raises(ValueError, match="they lie between 0x1001000000000000 and 0x1001001800000000"):
        addresses.locate(addresses.end)
    with pytest.raises(ValueError, match="6 is not below 6"):
        addresses.address_of(replace(addresses.locate(addresses.base), stack=6))
    with pytest.raises(ValueError, match="no whole number of rows"):
        AddressMap(replace(addresses.hbm, stacks=7))
