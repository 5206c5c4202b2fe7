"""Words of the command line -> Options. Pure: no file, no card, no output. Called by `cli`.

The vendor's rules are those of getopt_long: switches in any order, letters in clusters (-qd POWER), --x=y and --x y,
long names by exact or unique prefix. -l takes a number only if the next word begins with a digit. Whatever does not
fit is a UsageError that names the word and lists what is allowed. A switch given twice with different arguments is
refused too: there is no order in which to prefer one. Sub-commands are parsed in `subcommands`, with the same `scan`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hl_smi.errors import UsageError
from hl_smi.switches import CSV_MODIFIERS, NIC_VIEWS, ROW_FIELDS, SECTIONS, SHELLS, SWITCHES, Argument, Switch

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hl_smi.query.select import Selector

__all__ = ["Action", "Given", "Options", "count_of", "loop_ms_of", "parse", "scan", "selector_of"]

# Key of each given switch -> its argument; None for a switch without one.
Given = Mapping[str, "str | None"]
_SECONDS = re.compile(r"[0-9]{1,7}")
_WATTS = re.compile(r"[0-9]{1,5}")
_PORT = re.compile(r"[0-9]{1,2}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_DEFAULT_LOOP_S = 5
_SHORTEST_LOOP_MS = 10
# The vendor's commands are found anywhere; ours are the first word, so that no argument is mistaken for one.
_VENDOR_COMMANDS = ("topo", "dmon")
_OWN_COMMANDS = ("stream", "top", "events")


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
    STREAM = "stream"
    TOP = "top"
    EVENTS = "events"
    RESET = "reset"
    POWER_LIMIT = "power limit"
    VERSION = "version"
    HELP = "help"
    HELP_FIELDS = "help of fields"
    COMPLETION = "completion"


@dataclass(frozen=True, slots=True)
class Options:
    """One run as asked for. None: not given.

    `fields` are names of `fields.FIELDS`, or of `ROW_FIELDS` for row replacement. `run_time_s` 0 means forever.
    """

    action: Action = Action.TABLE
    selector: Selector | None = None
    section: str | None = None
    fields: tuple[str, ...] = ()
    has_header: bool = True
    has_units: bool = True
    loop_ms: int | None = None
    run_time_s: int | None = None
    count: int | None = None
    nic_view: str | None = None
    ports: tuple[int, ...] | None = None
    power_limit_w: int | None = None
    is_cpu_affinity_shown: bool = False
    is_numa_affinity_shown: bool = False
    is_matrix_shown: bool = False
    is_past_shown: bool = False
    is_followed: bool = True
    is_json: bool = False
    output_path: str | None = None
    shell: str | None = None
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

_REPEATED = frozenset({"device", "loop", "loop-ms", "count", "output", "json"})

_COMPANIONS: Mapping[Action, frozenset[str]] = {
    Action.TABLE: _REPEATED,
    Action.REPORT: _REPEATED | {"display"},
    Action.CSV: _REPEATED | {"display", "format"},
    Action.ROW_REPLACEMENT: _REPEATED | {"format"},
    Action.FIRMWARE: frozenset({"device", "output", "json"}),
    Action.NIC: _REPEATED | {"ports"},
    Action.RESET: frozenset({"device"}),
    Action.POWER_LIMIT: frozenset({"device"}),
}

_NEEDED_BY = {"display": "-q or -Q", "format": "-Q", "ports": "-n"}

# Answered before anything else that is given.
_FIRST = (
    ("help", Action.HELP),
    ("help-query-aip", Action.HELP_FIELDS),
    ("completion", Action.COMPLETION),
    ("version", Action.VERSION),
)


def parse(words: Sequence[str]) -> Options:
    """Options of a command line without the program's name."""
    command = _command_of(words)
    if command is not None:
        from hl_smi.subcommands import parse_command

        rest = list(words)
        rest.remove(command)
        return parse_command(command, rest)
    given = scan(words, SWITCHES)
    for key, first_action in _FIRST:
        if key in given:
            shell, path = _shell(given.get("completion")), given.get("output")
            return Options(first_action, output_path=path, shell=shell, is_debug="debug" in given)
    action = _action_of(given)
    _check_companions(action, given)
    return _options_of(action, given)


def _command_of(words: Sequence[str]) -> str | None:
    if words and words[0] in _OWN_COMMANDS:
        return words[0]
    files = {position for position, word in enumerate(words, start=1) if word in ("-o", "--output")}
    bare = [word for position, word in enumerate(words) if position not in files]
    return next((command for command in _VENDOR_COMMANDS if command in bare), None)


# ---- words -> switches with their arguments


def scan(words: Sequence[str], switches: Sequence[Switch]) -> Given:
    """The switches that a command line gives, out of those that it may give."""
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
    # What was a unique prefix of a vendor's option stays one.
    found = {known: switch for known, switch in found.items() if not switch.is_extension} or found
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


def _action_of(given: Given) -> Action:
    chosen = {key: _ACTIONS[key] for key in given if key in _ACTIONS}
    if len(set(chosen.values())) > 1:
        spellings = " and ".join(switch.spelling for switch in SWITCHES if switch.key in chosen)
        raise UsageError(f"{spellings} can not be combined; give one of them")
    return next(iter(chosen.values()), Action.TABLE)


def _check_companions(action: Action, given: Given) -> None:
    extra = given.keys() - _ACTIONS.keys() - _COMPANIONS[action] - {"debug"}
    for switch in SWITCHES:
        if switch.key not in extra:
            continue
        if switch.key in _NEEDED_BY:
            raise UsageError(f"option {switch.spelling} belongs to {_NEEDED_BY[switch.key]}, which is not given")
        raise UsageError(f"option {switch.spelling} can not be used with {action.value}")
    if action is Action.RESET and "device" not in given:
        raise UsageError("option -r/--reset-aip needs -i <aip>: the AIP to reset")
    if "json" in given and "format" in given:
        raise UsageError("--json and -f/--format can not be combined; give one of them")
    if "count" in given and not given.keys() & {"loop", "loop-ms"}:
        raise UsageError("option --count needs -l or --loop-ms: how often to repeat")


def _options_of(action: Action, given: Given) -> Options:
    has_header, has_units = _format(given.get("format"))
    display = given.get("display")
    return Options(
        action=action,
        selector=selector_of(given),
        section=_section(display) if action is Action.REPORT else None,
        fields=_fields(action, given),
        has_header=has_header,
        has_units=has_units,
        loop_ms=loop_ms_of(given),
        run_time_s=_run_time(display) if action is Action.CSV else None,
        count=count_of(given),
        nic_view=_nic_view(given.get("nic")),
        ports=_ports(given.get("ports")),
        power_limit_w=_power_limit(given.get("power-max")),
        is_json="json" in given,
        output_path=given.get("output"),
        is_debug="debug" in given,
    )


def selector_of(given: Given) -> Selector | None:
    """The card of -i."""
    word = given.get("device")
    if word is None:
        return None
    from hl_smi.query.select import parse_selector

    return parse_selector(word)


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


def _fields(action: Action, given: Given) -> tuple[str, ...]:
    if action is Action.CSV:
        from hl_smi.fields import FIELDS

        return _names(given["query-aip"], "-Q", tuple(FIELDS))
    if action is Action.ROW_REPLACEMENT:
        return _names(given["query-row-replacement"], "--query-row-replacement", ROW_FIELDS)
    return ()


def _names(word: str | None, spelled: str, known: Sequence[str]) -> tuple[str, ...]:
    names = tuple(part.strip().lower() for part in (word or "").split(","))
    for name in names:
        if name not in known:
            raise UsageError(f"option {spelled}: unknown field {name!r}; fields: {', '.join(known)}")
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


def loop_ms_of(given: Given) -> int | None:
    """How often to repeat, from -l or --loop-ms."""
    if "loop" in given and "loop-ms" in given:
        raise UsageError("-l/--loop and --loop-ms can not be combined; give one of them")
    if "loop-ms" in given:
        word = given["loop-ms"] or ""
        if not _NUMBER.fullmatch(word) or int(word) < _SHORTEST_LOOP_MS:
            raise UsageError(f"option --loop-ms: {word!r} is not a number of milliseconds; expected 10 or more")
        return int(word)
    if "loop" not in given:
        return None
    seconds = given["loop"]
    if seconds is None:
        return _DEFAULT_LOOP_S * 1000
    if not _SECONDS.fullmatch(seconds) or int(seconds) == 0:
        raise UsageError(f"option -l: {seconds!r} is not a number of seconds; expected 1 or more, or nothing (5)")
    return int(seconds) * 1000


def count_of(given: Given) -> int | None:
    """How many times, from --count."""
    word = given.get("count")
    if word is None:
        return None
    if not _NUMBER.fullmatch(word) or int(word) == 0:
        raise UsageError(f"option --count: {word!r} is not a number of times; expected 1 or more")
    return int(word)


def _shell(word: str | None) -> str | None:
    if word is not None and word not in SHELLS:
        raise UsageError(f"option --completion: unknown shell {word!r}; shells: {', '.join(SHELLS)}")
    return word


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
