"""Frozen dataclasses to plain JSON values and back, by their type hints.

Private to recipe. Integers are 0 .. 2^63 - 1, an enum is its name, a member of a union of dataclasses carries the name
of its class under "kind". Decoding trusts nothing: a value of another type, a missing or an extra key is a RecipeError
that says where.
"""

from __future__ import annotations

import enum
import functools
import types
import typing
from dataclasses import fields, is_dataclass

from device.errors import RecipeError

__all__ = ["decode", "encode"]

Json = dict[str, "Json"] | list["Json"] | str | int | None

_KIND = "kind"
_LARGEST = 2**63 - 1


def encode(value: object) -> Json:
    if isinstance(value, enum.Enum):
        return value.name
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if not is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"{type(value).__name__} has no place in a recipe")
    encoded: dict[str, Json] = {_KIND: type(value).__name__}
    for field in fields(value):
        encoded[field.name] = encode(getattr(value, field.name))
    return encoded


def decode(value: object, hint: object, where: str) -> object:
    """`hint` is a type, a union of types, or tuple[type, ...]."""
    origin = typing.get_origin(hint)
    if origin is tuple:
        item_hint = typing.get_args(hint)[0]
        items = _expect(value, list, where)
        return tuple(decode(item, item_hint, f"{where}[{index}]") for index, item in enumerate(items))
    if origin is types.UnionType or origin is typing.Union:
        return _decode_union(value, typing.get_args(hint), where)
    if not isinstance(hint, type):
        raise TypeError(f"{hint!r} has no place in a recipe")
    if is_dataclass(hint):
        return _decode_dataclass(value, hint, where)
    if issubclass(hint, enum.Enum):
        return _decode_enum(value, hint, where)
    plain: object = _expect(value, hint, where)
    if hint is int and not 0 <= typing.cast(int, plain) <= _LARGEST:
        raise RecipeError(f"{where} is {plain}, outside 0 .. 2^63 - 1")
    return plain


T = typing.TypeVar("T")


def _expect(value: object, kind: type[T], where: str) -> T:
    if type(value) is not kind:
        raise RecipeError(f"{where} is {type(value).__name__}, expected {kind.__name__}")
    return value


def _decode_union(value: object, options: tuple[object, ...], where: str) -> object:
    if value is None and type(None) in options:
        return None
    kinds = [option for option in options if option is not type(None)]
    if len(kinds) == 1:
        return decode(value, kinds[0], where)
    name = _expect(value, dict, where).get(_KIND)
    for kind in kinds:
        if isinstance(kind, type) and kind.__name__ == name:
            return decode(value, kind, where)
    raise RecipeError(f"{where}.{_KIND} is {name!r}, which this version does not know")


def _decode_enum(value: object, kind: type[enum.Enum], where: str) -> enum.Enum:
    name = _expect(value, str, where)
    member = kind.__members__.get(name)
    if member is None:
        raise RecipeError(f"{where} is {name!r}, none of {', '.join(kind.__members__)}")
    return member


def _decode_dataclass(value: object, kind: type, where: str) -> object:
    given = dict(_expect(value, dict, where))
    if given.pop(_KIND, None) != kind.__name__:
        raise RecipeError(f"{where} is not a {kind.__name__}")
    hints = _hints(kind)
    unmatched = sorted(set(given) ^ set(hints))
    if unmatched:
        state = "unknown" if unmatched[0] in given else "missing"
        raise RecipeError(f"{where}.{unmatched[0]} is {state}")
    decoded = {name: decode(given[name], hint, f"{where}.{name}") for name, hint in hints.items()}
    made: object = kind(**decoded)
    return made


@functools.cache
def _hints(kind: type) -> dict[str, object]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}
