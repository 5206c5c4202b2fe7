"""Words of the command line -> Options. Pure: no file, no card, no output. Called by `cli`.

The vendor's rules are those of getopt_long: switches in any order, letters in clusters (-qd POWER), --x=y and --x y,
long names by exact or unique prefix. -l takes a number only if the next word begins with a digit. Whatever does not
fit is a UsageError that names the word and lists what is allowed. A switch given twice with different arguments is
refused too: there is no order in which to prefer one.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hl_smi.errors import UsageError
from hl_smi.switches import (
    CSV_MODIFIERS,
    DMON_SWITCHES,
    NIC_VIEWS,
    SECTIONS,
    SWITCHES,
    TOPO_SWITCHES,
    Argument,
    Switch,
)

__all__ = ["Action", "Options", "parse"]

_BUS_ID = re.compile(r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])")
_SECONDS = re.compile(r"[0-9]{1,7}")
_WATTS = re.compile(r"[0-9]{1,5}")
_PORT = re.compile(r"[0-9]{1,2}")
_DEFAULT_LOOP_S = 5


class Action(enum.Enum):
    """What one run does."""

    TABLE = "table"
    REPORT = "report"
    CSV = "csv"
    FIRMWARE = "firmware"
    NIC = "nic"
    ROW_REPLACEMENT = "row replacement"
    TOPOLOGY = "topo"
    MONITOR = "dmon"
    RESET = "reset"
    POWER_LIMIT = "power limit"
    VERSION = "version"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class Options:
    """One run as asked for. None: not given.

    `bus_id` is complete and in lower case, `fields` are names of `fields.FIELDS`. `run_time_s` 0 means forever.
    """

    action: Action = Action.TABLE
    bus_id: str | None = None
    section: str | None = None
    fields: tuple[str, ...] = ()
    has_header: bool = True
    has_units: bool = True
    loop_s: int | None = None
    run_time_s: int | None = None
    nic_view: str | None = None
    ports: tuple[int, ...] | None = None
    power_limit_w: int | None = None
    is_cpu_affinity_shown: bool = False
    is_numa_affinity_shown: bool = False
    is_debug: bool = False


_ACTIONS = {
    "list": Action.REPORT,
    "query": Action.REPORT,
    "query-aip": Action.CSV,
    "query-row-replacement": Action.ROW_REPLACEMENT,
    "fw-versions": Action.FIRMWARE,
    "nic": Action.NIC,
    "reset-aip": Action.RESET,
    "power-max": Action.POWER_LIMIT,
}

_COMPANIONS: Mapping[Action, frozenset[str]] = {
    Action.TABLE: frozenset({"device", "loop"}),
    Action.REPORT: frozenset({"device", "loop", "display"}),
    Action.CSV: frozenset({"device", "loop", "display", "format"}),
    Action.ROW_REPLACEMENT: frozenset({"device", "loop", "format"}),
    Action.FIRMWARE: frozenset({"device"}),
    Action.NIC: frozenset({"device", "loop", "ports"}),
    Action.RESET: frozenset({"device"}),
    Action.POWER_LIMIT: frozenset({"device"}),
}

_NEEDED_BY = {"display": "-q or -Q", "format": "-Q", "ports": "-n"}


def parse(words: Sequence[str]) -> Options:
    """Options of a command line without the program's name."""
    for command, parse_command in (("topo", _parse_topo), ("dmon", _parse_dmon)):
        if command in words:
            rest = list(words)
            rest.remove(command)
            return parse_command(rest)
    given = _scan(words, SWITCHES)
    is_debug = "debug" in given
    if "help" in given:
        return Options(Action.HELP, is_debug=is_debug)
    if "version" in given:
        return Options(Action.VERSION, is_debug=is_debug)
    action = _action_of(given)
    _check_companions(action, given)
    return _options_of(action, given)


def _parse_topo(words: Sequence[str]) -> Options:
    given = _scan(words, TOPO_SWITCHES)
    if "help" in given:
        return Options(Action.HELP, is_debug="debug" in given)
    if not given.keys() & {"cpus", "numa"}:
        raise UsageError("topo: nothing to show; give -c (CPU affinity), -N (NUMA affinity) or both")
    return Options(
        Action.TOPOLOGY,
        is_cpu_affinity_shown="cpus" in given,
        is_numa_affinity_shown="numa" in given,
        is_debug="debug" in given,
    )


def _parse_dmon(words: Sequence[str]) -> Options:
    given = _scan(words, DMON_SWITCHES)
    action = Action.HELP if "help" in given else Action.MONITOR
    return Options(action, bus_id=_bus_id(given.get("device")), is_debug="debug" in given)


# ---- words -> switches with their arguments


def _scan(words: Sequence[str], switches: Sequence[Switch]) -> dict[str, str | None]:
    """Key of each given switch -> its argument; None for a switch without one."""
    given: dict[str, str | None] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.startswith("--") and len(word) > 2:
            _take_long(word, rest, switches, given)
        elif word.startswith("-") and word not in ("-", "--"):
            _take_letters(word, rest, switches, given)
        else:
            raise UsageError(f"unexpected word {word!r}; {_allowed(switches)}")
    return given


def _take_long(word: str, rest: list[str], switches: Sequence[Switch], given: dict[str, str | None]) -> None:
    name, has_value, value = word[2:].partition("=")
    switch = _find_long(name, switches)
    if switch.argument is Argument.NONE and has_value:
        raise UsageError(f"option --{name} takes no argument, {word!r} gives one")
    _record(switch, f"--{name}", _argument(switch, f"--{name}", value if has_value else None, rest), given)


def _take_letters(word: str, rest: list[str], switches: Sequence[Switch], given: dict[str, str | None]) -> None:
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        switch = next((switch for switch in switches if switch.letter == letter), None)
        if switch is None:
            raise UsageError(f"unknown option '-{letter}' in {word!r}; {_allowed(switches)}")
        is_glued = switch.argument is Argument.REQUIRED or letters[:1].isdigit()
        glued = letters if letters and is_glued and switch.argument is not Argument.NONE else None
        if glued is not None:
            letters = ""
        # -l in the middle of a cluster has no next word: what follows it are letters.
        following = [] if letters else rest
        _record(switch, f"-{letter}", _argument(switch, f"-{letter}", glued, following), given)


def _find_long(name: str, switches: Sequence[Switch]) -> Switch:
    exact = [switch for switch in switches if name in switch.names]
    if exact:
        return exact[0]
    found = {known: switch for switch in switches for known in switch.names if known.startswith(name)}
    if not found:
        raise UsageError(f"unknown option '--{name}'; {_allowed(switches)}")
    # As in getopt_long, two spellings of one switch are no ambiguity.
    if len({switch.key for switch in found.values()}) > 1:
        candidates = ", ".join(f"--{known}" for known in found)
        raise UsageError(f"ambiguous option '--{name}'; it could be {candidates}")
    return next(iter(found.values()))


def _argument(switch: Switch, spelled: str, glued: str | None, rest: list[str]) -> str | None:
    if switch.argument is Argument.NONE or glued is not None:
        return glued
    if switch.argument is Argument.OPTIONAL:
        return rest.pop(0) if rest and rest[0][:1].isdigit() else None
    if not rest:
        raise UsageError(f"option {spelled} needs an argument: {switch.metavar}")
    return rest.pop(0)


def _record(switch: Switch, spelled: str, argument: str | None, given: dict[str, str | None]) -> None:
    if switch.key in given and given[switch.key] != argument:
        before = given[switch.key]
        raise UsageError(f"option {spelled} given twice, with {before!r} and {argument!r}; give it once")
    given[switch.key] = argument


def _allowed(switches: Sequence[Switch]) -> str:
    return "options: " + ", ".join(switch.spelling for switch in switches)


# ---- switches -> Options


def _action_of(given: Mapping[str, str | None]) -> Action:
    chosen = {key: _ACTIONS[key] for key in given if key in _ACTIONS}
    if len(set(chosen.values())) > 1:
        spellings = " and ".join(switch.spelling for switch in SWITCHES if switch.key in chosen)
        raise UsageError(f"{spellings} can not be combined; give one of them")
    return next(iter(chosen.values()), Action.TABLE)


def _check_companions(action: Action, given: Mapping[str, str | None]) -> None:
    extra = given.keys() - _ACTIONS.keys() - _COMPANIONS[action] - {"debug"}
    for switch in SWITCHES:
        if switch.key not in extra:
            continue
        if switch.key in _NEEDED_BY:
            raise UsageError(f"option {switch.spelling} belongs to {_NEEDED_BY[switch.key]}, which is not given")
        raise UsageError(f"option {switch.spelling} can not be used with {action.value}")
    if action is Action.RESET and "device" not in given:
        raise UsageError("option -r/--reset-aip needs -i <pci addr>: the AIP to reset")


def _options_of(action: Action, given: Mapping[str, str | None]) -> Options:
    has_header, has_units = _format(given.get("format"))
    display = given.get("display")
    return Options(
        action=action,
        bus_id=_bus_id(given.get("device")),
        section=_section(display) if action is Action.REPORT else None,
        fields=_fields(given["query-aip"]) if action is Action.CSV else (),
        has_header=has_header,
        has_units=has_units,
        loop_s=_loop(given),
        run_time_s=_run_time(display) if action is Action.CSV else None,
        nic_view=_nic_view(given.get("nic")),
        ports=_ports(given.get("ports")),
        power_limit_w=_power_limit(given.get("power-max")),
        is_debug="debug" in given,
    )


def _bus_id(word: str | None) -> str | None:
    if word is None:
        return None
    match = _BUS_ID.fullmatch(word.lower())
    if match is None:
        raise UsageError(f"option -i: {word!r} is not a PCI address; expected 0000:43:00.0 or 43:00.0")
    domain = match[1] or "0"
    return f"{int(domain, 16):04x}:{match[2]}"


def _section(word: str | None) -> str | None:
    if word is not None and word not in SECTIONS:
        raise UsageError(f"option -d: unknown type {word!r}; types: {', '.join(SECTIONS)}")
    return word


def _run_time(word: str | None) -> int | None:
    if word is None:
        return None
    if not _SECONDS.fullmatch(word):
        raise UsageError(f"option -d: {word!r} is not a number; with -Q it is the run time in seconds, 0 = forever")
    return int(word)


def _fields(word: str | None) -> tuple[str, ...]:
    from hl_smi.fields import FIELDS

    names = tuple(part.strip().lower() for part in (word or "").split(","))
    for name in names:
        if name not in FIELDS:
            raise UsageError(f"option -Q: unknown field {name!r}; fields: {', '.join(FIELDS)}")
    return names


def _format(word: str | None) -> tuple[bool, bool]:
    if word is None:
        return True, True
    first, *modifiers = (part.strip() for part in word.split(","))
    if first != "csv":
        raise UsageError(f"option -f: unknown format {first!r}; expected csv[,noheader][,nounits]")
    for modifier in modifiers:
        if modifier not in CSV_MODIFIERS:
            raise UsageError(f"option -f: unknown word {modifier!r}; after csv come {' and '.join(CSV_MODIFIERS)}")
    return "noheader" not in modifiers, "nounits" not in modifiers


def _loop(given: Mapping[str, str | None]) -> int | None:
    if "loop" not in given:
        return None
    word = given["loop"]
    if word is None:
        return _DEFAULT_LOOP_S
    if not _SECONDS.fullmatch(word) or int(word) == 0:
        raise UsageError(f"option -l: {word!r} is not a number of seconds; expected 1 or more, or nothing (5)")
    return int(word)


def _nic_view(word: str | None) -> str | None:
    if word is not None and word not in NIC_VIEWS:
        raise UsageError(f"option -n: unknown view {word!r}; views: {', '.join(NIC_VIEWS)}")
    return word


def _ports(word: str | None) -> tuple[int, ...] | None:
    if word is None:
        return None
    parts = [part.strip() for part in word.split(",")]
    for part in parts:
        if not _PORT.fullmatch(part):
            raise UsageError(f"option -P: {part!r} is not a port number; expected a comma list such as 0,1,2")
    return tuple(int(part) for part in parts)


def _power_limit(word: str | None) -> int | None:
    if word is None:
        return None
    if not _WATTS.fullmatch(word) or int(word) == 0:
        raise UsageError(f"option -p: {word!r} is not a number of watts; expected a whole number such as 550")
    return int(word)
