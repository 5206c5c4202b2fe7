"""Facts of a server: which cards sit where, how they are cabled, what its software calls itself.

Read from boxes/<type>.toml or from a user's own file of that form (docs/boxes.md). Every mistake in such a file is a
SpecError with file, key and reason. Called by box.py and gaudi-box.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from device.errors import SpecError

__all__ = [
    "BoxSpec",
    "CardPlace",
    "Firmware",
    "Release",
    "box_types",
    "card_names",
    "find_release",
    "load_box_spec",
    "load_releases",
    "read_box_spec",
]

_BOXES = Path(__file__).parent / "boxes"
_SPECS = Path(__file__).parent / "specs"

_BUS_ID = re.compile(r"([0-9a-f]{4}):([0-9a-f]{2}):([01][0-9a-f])\.([0-7])")
_TYPE = re.compile(r"[A-Za-z0-9._-]{1,31}")

# What csrc/card_records.h has room for: GAUDI_CARD_MAX, GAUDI_PORT_MAX and bits of cpu_mask.
_CARD_MAX = 64
_PORT_MAX = 24
_CPU_MAX = 1024

_TABLES = ("box", "numa", "cards", "network")
_BOX_KEYS = ("base", "type", "card", "release", "key", "ambient_c", "airflow", "server_type")
_DEFAULTS = {"release": "1.24", "key": "default", "ambient_c": 24.5, "airflow": 1.0, "server_type": 0}

Table = Mapping[str, object]
Ports = tuple[tuple[tuple[int, int], ...], ...]


@dataclass(frozen=True, slots=True)
class Firmware:
    """The texts of one ASIC's firmware, as the report of hl-smi names them; an empty one does not exist."""

    fit: str
    spi: str
    uboot: str
    os: str


@dataclass(frozen=True, slots=True)
class Release:
    """The texts of one release. `{asic}` and `{sec}` stand in the firmware texts; `firmware` puts in what they mean.

    `published` names the texts that stand in a published output; the others are assumed (boxes/releases.toml).
    """

    name: str
    published: tuple[str, ...]
    abi_level: int
    hlml_version: str
    driver_version: str
    nic_driver_version: str
    sec: Mapping[str, str]
    fw_fit: str
    fw_spi: str
    fw_uboot: str
    fw_os: str

    def firmware(self, asic: str) -> Firmware:
        """The texts on an ASIC. Gaudi has no [OS]: the driver's fw_os_ver is empty on it."""
        sec = self.sec.get(asic, "")
        fit, spi, uboot, os = (
            text.format(asic=asic, sec=sec) for text in (self.fw_fit, self.fw_spi, self.fw_uboot, self.fw_os)
        )
        return Firmware(fit, spi, uboot, "" if asic == "gaudi" else os)


@dataclass(frozen=True, slots=True)
class CardPlace:
    """Where one card sits; the order in the file is the accel number."""

    bus_id: str
    module_id: int
    numa: int

    @property
    def bus_numbers(self) -> tuple[int, int, int]:
        """Domain, bus, device."""
        match = _BUS_ID.fullmatch(self.bus_id)
        assert match is not None
        return int(match[1], 16), int(match[2], 16), int(match[3], 16)


@dataclass(frozen=True, slots=True)
class BoxSpec:
    """One server. `ports[module][port]` is (peer module, peer port); -1 external, -2 not connected.

    `file` is where it was read, for messages. `card` is a built-in card or the path of a file.
    """

    file: Path
    type: str
    server_type: int
    card: str
    release: Release
    key: str
    ambient_c: float
    airflow: float
    numa_cpus: tuple[frozenset[int], ...]
    cards: tuple[CardPlace, ...]
    ports: Ports


def box_types() -> tuple[str, ...]:
    """Names of the built-in servers."""
    return tuple(sorted(path.stem for path in _BOXES.glob("*.toml") if path.stem != "releases"))


def card_names() -> tuple[str, ...]:
    """Names of the built-in cards."""
    return tuple(sorted(path.stem for path in _SPECS.glob("hl*.toml")))


def load_box_spec(name: str) -> BoxSpec:
    """A built-in server by name, for example "hls2"."""
    if name not in box_types():
        raise SpecError(
            f"there is no built-in box {name!r}{_guess(name, box_types())}; "
            f"there are {', '.join(box_types())}, or name a TOML file"
        )
    return read_box_spec(_BOXES / f"{name}.toml")


def load_releases() -> Mapping[str, Release]:
    """All releases that a box can have, from the oldest to the newest."""
    tables = tomllib.loads((_BOXES / "releases.toml").read_text(encoding="utf-8"))
    return {
        name: Release(name=name, published=tuple(table.pop("published")), **table) for name, table in tables.items()
    }


def find_release(name: str) -> Release:
    """By its name, such as "1.22". SpecError lists the others."""
    releases = load_releases()
    if name not in releases:
        raise SpecError(f"{_shown(name)} is none of {', '.join(releases)}{_guess(name, releases)}")
    return releases[name]


def _guess(word: str, known: Iterable[str]) -> str:
    """ "; did you mean 'x'?" if something is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _shown(value: object) -> str:
    """A value of a file in a message: one line of bounded length, whatever it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # numbers of thousands of digits, lists in lists in lists
        return "what it is"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _load_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise SpecError(f"{path}: not a TOML file: {error}") from error


class _Reader:
    """Typed access to the tables of one file; a mistake is a SpecError with file, key and reason."""

    def __init__(self, path: Path) -> None:
        self.path = path
        own = _load_toml(path)
        self.refuse_unknown(own, _TABLES, "")
        box = own.get("box")
        if not isinstance(box, dict):
            raise self.error("box", "table is missing")
        self.refuse_unknown(box, _BOX_KEYS, "box")
        base = self._base(box)
        self.root: Table = {**base, **own}
        inherited = base.get("box", {})
        assert isinstance(inherited, dict)
        self.box: Table = {**_DEFAULTS, **inherited, **box}

    def _base(self, box: Table) -> dict[str, object]:
        """The built-in server that the file starts from; what the file has itself replaces it."""
        if "base" not in box:
            return {}
        name = self.text(box, "base", "box")
        known = [stem for stem in box_types() if stem != self.path.stem or self.path.parent != _BOXES]
        if name not in known:
            raise self.error("box.base", f"{_shown(name)} is none of {', '.join(known)}{_guess(name, known)}")
        return _load_toml(_BOXES / f"{name}.toml")

    def error(self, key: str, reason: str) -> SpecError:
        return SpecError(f"{self.path}: {key}: {reason}")

    def refuse_unknown(self, table: Table, known: tuple[str, ...], key: str) -> None:
        unknown = sorted(set(table) - set(known))
        if unknown:
            name = _shown(f"{key}.{unknown[0]}" if key else unknown[0])[1:-1]
            raise self.error(name, f"is unknown; known are {', '.join(known)}{_guess(unknown[0], known)}")

    def rows(self, key: str, known: tuple[str, ...], most: int) -> list[Table]:
        found = self.root.get(key, [])
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise self.error(key, f"has to be an array of tables, each under [[{key}]]")
        if len(found) > most:
            raise self.error(key, f"there are {len(found)}; a box has room for {most}")
        for index, row in enumerate(found):
            self.refuse_unknown(row, known, f"{key}[{index}]")
        return found

    def text(self, table: Table, name: str, key: str) -> str:
        value = table.get(name)
        if not isinstance(value, str) or not value or not value.isprintable():
            raise self.error(f"{key}.{name}", f"has to be a text{self._but(value)}")
        return value

    def integer(self, table: Table, name: str, key: str, low: int, high: int) -> int:
        value = table.get(name)
        if type(value) is not int or not low <= value <= high:
            raise self.error(f"{key}.{name}", f"has to be a whole number from {low} to {high}{self._but(value)}")
        return value

    def number(self, table: Table, name: str, key: str, low: float, high: float) -> float:
        value = table.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.error(f"{key}.{name}", f"has to be a number from {low:g} to {high:g}{self._but(value)}")
        return float(value)

    def _but(self, value: object) -> str:
        return ", and is missing" if value is None else f", not {_shown(value)}"


def read_box_spec(path: Path) -> BoxSpec:
    """A server from any file of that form; SpecError names file, key and reason."""
    reader = _Reader(path)
    box = reader.box
    numa = tuple(_cpus(reader, row, f"numa[{i}]") for i, row in enumerate(reader.rows("numa", ("cpus",), _CARD_MAX)))
    rows = reader.rows("cards", ("bus_id", "module_id", "numa"), _CARD_MAX)
    cards = tuple(_place(reader, row, f"cards[{i}]", len(numa)) for i, row in enumerate(rows))
    _check_unique(reader, cards)
    ports = _ports(reader)
    if ports and any(card.module_id >= len(ports) for card in cards):
        raise reader.error("network.ports", f"has {len(ports)} rows, but a card has a higher module id")
    return BoxSpec(
        file=path,
        type=_type(reader),
        server_type=reader.integer(box, "server_type", "box", 0, 12),
        card=_card(reader),
        release=_release(reader),
        key=reader.text(box, "key", "box"),
        ambient_c=reader.number(box, "ambient_c", "box", -20, 80),
        airflow=reader.number(box, "airflow", "box", 0.05, 4),
        numa_cpus=numa,
        cards=cards,
        ports=ports,
    )


def _type(reader: _Reader) -> str:
    name = reader.text(reader.box, "type", "box")
    if not _TYPE.fullmatch(name):
        raise reader.error("box.type", f"{_shown(name)} is no name of 1 to 31 letters, digits, dots, - and _")
    return name


def _card(reader: _Reader) -> str:
    """A built-in card by name; a file's path is relative to the box file."""
    name = reader.text(reader.box, "card", "box")
    if name.endswith(".toml"):
        return str(reader.path.parent / name)
    if name not in card_names():
        known = ", ".join(card_names())
        raise reader.error(
            "box.card", f"{_shown(name)} is none of {known}, nor a .toml file{_guess(name, card_names())}"
        )
    return name


def _release(reader: _Reader) -> Release:
    name = reader.text(reader.box, "release", "box")
    try:
        return find_release(name)
    except SpecError as error:
        raise reader.error("box.release", str(error)) from error


def _cpus(reader: _Reader, row: Table, key: str) -> frozenset[int]:
    """ "0-3,8" as a set of CPU numbers."""
    text = reader.text(row, "cpus", key)
    cpus: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,4})(?:-([0-9]{1,4}))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last or last >= _CPU_MAX:
            raise reader.error(f"{key}.cpus", f"{_shown(text)} is no list such as 0-39,80-119 of CPUs below {_CPU_MAX}")
        cpus.update(range(first, last + 1))
    return frozenset(cpus)


def _place(reader: _Reader, row: Table, key: str, numa_count: int) -> CardPlace:
    bus_id = reader.text(row, "bus_id", key).lower()
    if not _BUS_ID.fullmatch(bus_id):
        raise reader.error(f"{key}.bus_id", f"{_shown(bus_id)} is no PCI address such as 0000:19:00.0")
    return CardPlace(
        bus_id=bus_id,
        module_id=reader.integer(row, "module_id", key, 0, _CARD_MAX - 1),
        numa=reader.integer(row, "numa", key, -1, max(numa_count - 1, -1)),
    )


def _check_unique(reader: _Reader, cards: tuple[CardPlace, ...]) -> None:
    for name in ("bus_id", "module_id"):
        seen: dict[object, int] = {}
        for index, card in enumerate(cards):
            value = getattr(card, name)
            if value in seen:
                raise reader.error(f"cards[{index}].{name}", f"{value} is that of cards[{seen[value]}] already")
            seen[value] = index


def _ports(reader: _Reader) -> Ports:
    if "network" not in reader.root:
        return ()
    network = reader.root["network"]
    if not isinstance(network, dict):
        raise reader.error("network", "has to be a table")
    reader.refuse_unknown(network, ("ports",), "network")
    rows = network.get("ports")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows) or len(rows) > _CARD_MAX:
        raise reader.error("network.ports", f"has to be a list with a row for each module, at most {_CARD_MAX}")
    for module, row in enumerate(rows):
        if len(row) > _PORT_MAX:
            raise reader.error(f"network.ports[{module}]", f"has {len(row)} ports; a card has room for {_PORT_MAX}")
    ports = tuple(
        tuple(_port(reader, cell, f"network.ports[{m}][{p}]") for p, cell in enumerate(row))
        for m, row in enumerate(rows)
    )
    _check_symmetric(reader, ports)
    return ports


def _port(reader: _Reader, cell: object, key: str) -> tuple[int, int]:
    if not isinstance(cell, list) or len(cell) != 2 or not all(type(value) is int for value in cell):
        raise reader.error(key, "has to be [module of the peer, its port]")
    if not -2 <= cell[0] < _CARD_MAX or not 0 <= cell[1] < _PORT_MAX:
        raise reader.error(key, f"{_shown(cell)} names no port: modules go from -2 to 63, ports from 0 to 23")
    return cell[0], cell[1]


def _check_symmetric(reader: _Reader, ports: Ports) -> None:
    """Who follows a cable and comes back has to be where he began."""
    for module, row in enumerate(ports):
        for port, (peer, peer_port) in enumerate(row):
            if peer < 0:
                continue
            key, there = f"network.ports[{module}][{port}]", f"port {peer_port} of module {peer}"
            if peer == module or peer >= len(ports) or peer_port >= len(ports[peer]):
                raise reader.error(key, f"leads to {there}, which is no port of another module")
            if ports[peer][peer_port] != (module, port):
                back_module, back_port = ports[peer][peer_port]
                raise reader.error(key, f"leads to {there}, but that leads to [{back_module}, {back_port}]")
