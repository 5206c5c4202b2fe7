"""Which cards a program may see: the rules of the vendor's container runtime.

`--devices` comes first, then HABANA_VISIBLE_DEVICES (accel numbers), then HABANA_VISIBLE_MODULES (module ids). Nodes
keep their numbers, as the runtime passes them under the names that they have on the host: a container with card 3 has
/dev/accel/accel3 and no accel0. The program gets both variables, in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from device.errors import BoxError

__all__ = ["Visible", "visible_cards", "visible_environment"]

_DEVICES, _MODULES = "HABANA_VISIBLE_DEVICES", "HABANA_VISIBLE_MODULES"
# Values that mean no card; the runtime's "none", and what hl-smi takes for it.
_NONE = ("", "none", "void")


@dataclass(frozen=True, slots=True)
class Visible:
    """Accel numbers in the order in which they were asked for; `is_all`: nobody asked."""

    indices: tuple[int, ...]
    is_all: bool = False


def visible_cards(modules: Sequence[int], devices: Sequence[int] | None, environment: Mapping[str, str]) -> Visible:
    """`modules` has the module id of each card by accel number; `devices` are the words of --devices, empty means all.

    BoxError: a number that no card has, or no list of numbers.
    """
    if devices is not None:
        return _chosen(list(devices) or list(range(len(modules))), modules, "--devices")
    if _DEVICES in environment:
        wanted = _numbers(_DEVICES, environment[_DEVICES])
        return _all(modules) if wanted is None else _chosen(wanted, modules, _DEVICES)
    if _MODULES in environment:
        wanted = _numbers(_MODULES, environment[_MODULES])
        return _all(modules) if wanted is None else _chosen(_indices(wanted, modules), modules, _MODULES)
    return _all(modules)


def visible_environment(visible: Visible, modules: Sequence[int]) -> dict[str, str]:
    """What the program finds in its environment; nothing if all cards are visible anyway."""
    if visible.is_all:
        return {}
    return {
        _DEVICES: ",".join(str(index) for index in visible.indices),
        _MODULES: ",".join(str(modules[index]) for index in visible.indices),
    }


def _all(modules: Sequence[int]) -> Visible:
    return Visible(tuple(range(len(modules))), is_all=True)


def _chosen(indices: Sequence[int], modules: Sequence[int], source: str) -> Visible:
    for index in indices:
        if index >= len(modules):
            raise BoxError(f"{source}: there is no card {index}; the box has {len(modules)} cards, from 0 on")
    return Visible(tuple(dict.fromkeys(indices)))


def _numbers(name: str, value: str) -> list[int] | None:
    """None means all."""
    text = value.strip()
    if text == "all":
        return None
    if text in _NONE:
        return []
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts):
        raise BoxError(f"{name} is {value[:60]!r}; expected 'all', 'none' or a comma list of numbers such as 0,1")
    return [int(part) for part in parts]


def _indices(wanted: Sequence[int], modules: Sequence[int]) -> list[int]:
    for module in wanted:
        if module not in modules:
            present = ", ".join(str(number) for number in sorted(modules))
            raise BoxError(f"{_MODULES}: there is no module {module}; the box has {present or 'none'}")
    return [modules.index(module) for module in wanted]
