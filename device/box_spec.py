"""Facts of a server: which cards sit where, how they are cabled, what its software calls itself.

Read from boxes/<type>.toml or from a user's own file of that form. Called by box.py and gaudi-box.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from device.errors import SpecError

__all__ = ["BoxSpec", "CardPlace", "Release", "box_types", "load_box_spec", "read_box_spec"]

_BOXES = Path(__file__).parent / "boxes"
_BUS_ID = re.compile(r"^([0-9a-f]{4}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$")
_CPU_MAX = 1024


@dataclass(frozen=True, slots=True)
class Release:
    """The texts of one release; `{asic}` stands for the ASIC's name in the firmware texts."""

    name: str
    abi_level: int
    hlml_version: str
    driver_version: str
    nic_driver_version: str
    fw_fit: str
    fw_spi: str
    fw_uboot: str
    fw_os: str


@dataclass(frozen=True, slots=True)
class CardPlace:
    """Where one card sits; the order in the file is the accel number."""

    bus_id: str
    module_id: int
    numa: int

    @property
    def bus_numbers(self) -> tuple[int, int, int]:
        """Domain, bus, device."""
        match = _BUS_ID.match(self.bus_id)
        assert match is not None
        return int(match[1], 16), int(match[2], 16), int(match[3], 16)


@dataclass(frozen=True, slots=True)
class BoxSpec:
    """One server. `ports[module][port]` is (peer module, peer port); -1 external, -2 not connected."""

    type: str
    server_type: int
    card: str
    release: Release
    key: str
    ambient_c: float
    airflow: float
    numa_cpus: tuple[frozenset[int], ...]
    cards: tuple[CardPlace, ...]
    ports: tuple[tuple[tuple[int, int], ...], ...]


def box_types() -> tuple[str, ...]:
    """Names of the built-in servers."""
    return tuple(sorted(path.stem for path in _BOXES.glob("*.toml") if path.stem != "releases"))


def load_box_spec(name: str) -> BoxSpec:
    """A built-in server by name, for example "hls2"."""
    if name not in box_types():
        raise SpecError(f"there is no built-in box {name!r}; there are {', '.join(box_types())}, or name a TOML file")
    return read_box_spec(_BOXES / f"{name}.toml")


class _Reader:
    """Typed access to the tables of one file; a mistake is a SpecError with file, key and reason."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.root: Mapping[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SpecError(f"{path}: cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SpecError(f"{path}: not a TOML file: {error}") from error

    def error(self, key: str, reason: str) -> SpecError:
        return SpecError(f"{self.path}: {key}: {reason}")

    def table(self, key: str) -> Mapping[str, object]:
        found = self.root.get(key)
        if not isinstance(found, dict):
            raise self.error(key, "table is missing")
        return found

    def rows(self, key: str) -> list[Mapping[str, object]]:
        found = self.root.get(key, [])
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise self.error(key, "has to be an array of tables")
        return found

    def text(self, table: Mapping[str, object], name: str, key: str) -> str:
        value = table.get(name)
        if not isinstance(value, str) or not value:
            raise self.error(f"{key}.{name}", "has to be a text")
        return value

    def integer(self, table: Mapping[str, object], name: str, key: str, low: int, high: int) -> int:
        value = table.get(name)
        if type(value) is not int or not low <= value <= high:
            raise self.error(f"{key}.{name}", f"has to be a whole number from {low} to {high}, not {value!r}")
        return value

    def number(self, table: Mapping[str, object], name: str, key: str, low: float, high: float) -> float:
        value = table.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.error(f"{key}.{name}", f"has to be a number from {low:g} to {high:g}, not {value!r}")
        return float(value)


def read_box_spec(path: Path) -> BoxSpec:
    """A server from any file of that form; SpecError names file, key and reason."""
    reader = _Reader(path)
    unknown = sorted(set(reader.root) - {"box", "numa", "cards", "network"})
    if unknown:
        raise reader.error(unknown[0], "is unknown; known are box, numa, cards, network")
    box = reader.table("box")
    numa = tuple(_cpus(reader, row, f"numa[{i}]") for i, row in enumerate(reader.rows("numa")))
    cards = tuple(_place(reader, row, f"cards[{i}]", len(numa)) for i, row in enumerate(reader.rows("cards")))
    _check_unique(reader, cards)
    return BoxSpec(
        type=reader.text(box, "type", "box"),
        server_type=reader.integer(box, "server_type", "box", 0, 12),
        card=reader.text(box, "card", "box"),
        release=_release(reader, reader.text(box, "release", "box")),
        key=reader.text(box, "key", "box"),
        ambient_c=reader.number(box, "ambient_c", "box", -20, 80),
        airflow=reader.number(box, "airflow", "box", 0.05, 4),
        numa_cpus=numa,
        cards=cards,
        ports=_ports(reader, cards),
    )


def _cpus(reader: _Reader, row: Mapping[str, object], key: str) -> frozenset[int]:
    """ "0-3,8" as a set of CPU numbers."""
    text = reader.text(row, "cpus", key)
    cpus: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last or last >= _CPU_MAX:
            raise reader.error(f"{key}.cpus", f"{text!r} is no list such as 0-39,80-119 of CPUs below {_CPU_MAX}")
        cpus.update(range(first, last + 1))
    return frozenset(cpus)


def _place(reader: _Reader, row: Mapping[str, object], key: str, numa_count: int) -> CardPlace:
    bus_id = reader.text(row, "bus_id", key).lower()
    if not _BUS_ID.match(bus_id):
        raise reader.error(f"{key}.bus_id", f"{bus_id!r} is no PCI address such as 0000:19:00.0")
    return CardPlace(
        bus_id=bus_id,
        module_id=reader.integer(row, "module_id", key, 0, 63),
        numa=reader.integer(row, "numa", key, -1, max(numa_count - 1, -1)),
    )


def _check_unique(reader: _Reader, cards: tuple[CardPlace, ...]) -> None:
    for name in ("bus_id", "module_id"):
        seen = [getattr(card, name) for card in cards]
        double = next((value for value in seen if seen.count(value) > 1), None)
        if double is not None:
            raise reader.error("cards", f"{name} {double} stands twice")


def _release(reader: _Reader, name: str) -> Release:
    releases = tomllib.loads((_BOXES / "releases.toml").read_text(encoding="utf-8"))
    if name not in releases:
        raise reader.error("box.release", f"{name!r} is none of {', '.join(releases)}")
    return Release(name=name, **releases[name])


def _ports(reader: _Reader, cards: tuple[CardPlace, ...]) -> tuple[tuple[tuple[int, int], ...], ...]:
    network = reader.root.get("network", {"ports": []})
    rows = network.get("ports") if isinstance(network, dict) else None
    if not isinstance(rows, list):
        raise reader.error("network.ports", "has to be a list with a row for each module")
    if not rows:
        return ()
    if any(card.module_id >= len(rows) for card in cards):
        raise reader.error("network.ports", f"has {len(rows)} rows, but a card has a higher module id")
    return tuple(
        tuple(_port(reader, cell, f"network.ports[{m}][{p}]") for p, cell in enumerate(row))
        for m, row in enumerate(rows)
    )


def _port(reader: _Reader, cell: object, key: str) -> tuple[int, int]:
    if not isinstance(cell, list) or len(cell) != 2 or not all(type(value) is int for value in cell):
        raise reader.error(key, "has to be [module of the peer, its port]")
    return cell[0], cell[1]
