"""A recipe as bytes: the way there and back, and everything that is refused."""

import json
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.errors import RecipeError
from device.recipe import FORMAT_VERSION, Recipe, from_bytes, to_bytes

HEADER = struct.Struct("<8sIIQ")


def packed(payload: bytes, version: int = FORMAT_VERSION) -> bytes:
    return HEADER.pack(b"GAUDIRCP", version, zlib.crc32(payload), len(payload)) + payload


def with_change(recipe: Recipe, path: list[str | int], value: object) -> bytes:
    """The serialised recipe with one JSON value replaced, checksum and length right."""
    plain = json.loads(to_bytes(recipe)[HEADER.size :])
    place = plain
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return packed(json.dumps(plain).encode())


def test_round_trip_gives_an_equal_recipe_and_equal_bytes(recipe: Recipe) -> None:
    data = to_bytes(recipe)
    again = from_bytes(data)
    assert again == recipe
    assert to_bytes(again) == data


def test_header_is_the_documented_one(recipe: Recipe) -> None:
    data = to_bytes(recipe)
    magic, version, crc, length = HEADER.unpack_from(data)
    assert (magic, version) == (b"GAUDIRCP", FORMAT_VERSION)
    assert crc == zlib.crc32(data[24:])
    assert length == len(data) - 24


def test_every_truncation_is_refused(recipe: Recipe) -> None:
    data = to_bytes(recipe)
    for length in [*range(40), len(data) // 2, len(data) - 1]:
        with pytest.raises(RecipeError, match=r"truncated recipe|not a recipe"):
            from_bytes(data[:length])


def test_every_flipped_bit_is_refused(recipe: Recipe) -> None:
    data = to_bytes(recipe)
    for offset in [*range(24), *range(24, len(data), 97)]:
        damaged = bytearray(data)
        damaged[offset] ^= 0x10
        with pytest.raises(RecipeError):
            from_bytes(bytes(damaged))


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(RecipeError):
        from_bytes(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_foreign_json_is_refused(value: object) -> None:
    with pytest.raises(RecipeError):
        from_bytes(packed(json.dumps(value).encode()))


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(RecipeError):
        from_bytes(packed(b"[" * 100_000))


@pytest.mark.parametrize(
    ("version", "age"), [(0, "older"), (FORMAT_VERSION - 1, "older"), (FORMAT_VERSION + 1, "newer")]
)
def test_any_other_version_is_refused_with_advice(recipe: Recipe, version: int, age: str) -> None:
    message = f"recipe format {version} is {age} than {FORMAT_VERSION}, the one that this release reads; compile"
    with pytest.raises(RecipeError, match=message):
        from_bytes(packed(to_bytes(recipe)[24:], version=version))


def test_bytes_after_the_end_are_refused(recipe: Recipe) -> None:
    with pytest.raises(RecipeError, match="3 bytes follow"):
        from_bytes(to_bytes(recipe) + b"abc")


FIRST = ["queues", 0, "descriptors", 0]
CHANGES = [
    ([*FIRST, "m"], "16", r"m is str, expected int"),
    ([*FIRST, "m"], True, r"m is bool, expected int"),
    ([*FIRST, "m"], -1, r"m is -1, outside 0"),
    ([*FIRST, "m"], 2**63, r"outside 0 \.\. 2\^63"),
    ([*FIRST, "m"], 17, r"a has 1024 bytes, its shape needs 1088"),
    ([*FIRST, "output"], "FP4", r"output is 'FP4', none of BF16, F32"),
    ([*FIRST, "kind"], "MmeConv", r"kind is 'MmeConv', which this version does not know"),
    ([*FIRST, "extra"], 1, r"extra is unknown"),
    ([*FIRST, "a", "tensor"], 99, r"uses tensor 99 of 6"),
    ([*FIRST, "a", "offset_bytes"], 4, r"reaches byte 1028 of x, which has 1024"),
    ([*FIRST, "c", "tensor"], 0, r"writes the input x|reaches byte"),
    ([*FIRST, "order"], 5, r"not in the order|gaps or doubles"),
    ([*FIRST, "signal", "value"], 2, r"signals value 2 after 0"),
    ([*FIRST, "signal", "sob"], 9, r"signals sync object 9 of 3"),
    ([*FIRST, "waits"], [{"kind": "SyncPoint", "sob": 1, "value": 1}], r"not signalled before"),
    (["queues", 0, "engine"], "TPC", r"two queues of the same engine|in the queue of the TPC"),
    (["queues", 0, "engine"], "NIC", r"a queue for the NIC"),
    (["workspace_bytes"], 0, r"of the workspace, which has 0"),
    (["tensors", 0, "dims"], [], r"x has the dimensions \(\)"),
    (["tensors", 1, "name"], "x", r"two tensors have the same name"),
]


@pytest.mark.parametrize(("path", "value", "message"), CHANGES)
def test_inconsistent_recipe_with_a_right_checksum_is_refused(
    recipe: Recipe, path: list[str | int], value: object, message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        from_bytes(with_change(recipe, path, value))
