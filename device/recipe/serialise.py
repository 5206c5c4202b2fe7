"""A recipe as bytes, the same on every host and in every run.

    offset  size
       0      8   magic "GAUDIRCP"
       8      4   format version, little endian, as all numbers here
      12      4   CRC-32 (zlib) of the payload
      16      8   length of the payload in bytes
      24          payload: the recipe as JSON, ASCII, sorted keys, no white space

Only this release's own format version is read: version 4 knows convolutions, indices, reductions along any dimension
and more types, which version 3 did not. Any other version is refused with the advice to compile the graph again.
"""

from __future__ import annotations

import json
import struct
import zlib

from device.errors import RecipeError
from device.recipe.codec import decode, encode
from device.recipe.recipe import Recipe
from device.recipe.validate import validate

__all__ = ["FORMAT_VERSION", "from_bytes", "to_bytes"]

FORMAT_VERSION = 4

_MAGIC = b"GAUDIRCP"
_HEADER = struct.Struct("<8sIIQ")


def to_bytes(recipe: Recipe) -> bytes:
    payload = json.dumps(encode(recipe), sort_keys=True, separators=(",", ":")).encode("ascii")
    return _HEADER.pack(_MAGIC, FORMAT_VERSION, zlib.crc32(payload), len(payload)) + payload


def from_bytes(data: bytes) -> Recipe:
    """RecipeError with the reason if `data` is anything but a consistent recipe of a version that we read."""
    payload = _checked_payload(data)
    try:
        plain: object = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"the recipe's payload is not JSON: {error}") from error
    recipe = decode(plain, Recipe, "recipe")
    assert isinstance(recipe, Recipe)
    validate(recipe)
    return recipe


def _checked_payload(data: bytes) -> bytes:
    if not data.startswith(_MAGIC[: len(data)]) or not data:
        raise RecipeError(f"not a recipe: it starts with {data[:8]!r}, expected {_MAGIC!r}")
    if len(data) < _HEADER.size:
        raise RecipeError(f"truncated recipe: {len(data)} bytes, the header alone has {_HEADER.size}")
    _, version, crc, length = _HEADER.unpack_from(data)
    if version != FORMAT_VERSION:
        age = "older" if version < FORMAT_VERSION else "newer"
        raise RecipeError(
            f"recipe format {version} is {age} than {FORMAT_VERSION}, the one that this release reads; "
            "compile the graph again"
        )
    payload = data[_HEADER.size :]
    if len(payload) < length:
        raise RecipeError(f"truncated recipe: {len(payload)} of {length} payload bytes")
    if len(payload) > length:
        raise RecipeError(f"{len(payload) - length} bytes follow the end of the recipe")
    if zlib.crc32(payload) != crc:
        raise RecipeError(f"corrupt recipe: CRC {zlib.crc32(payload):08x}, the header says {crc:08x}")
    return payload
