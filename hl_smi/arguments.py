"""The argument of a switch -> its value, checked. Pure; called by `argv` and `subcommands`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hl_smi.errors import UsageError
from hl_smi.options import Action
from hl_smi.scan import Given
from hl_smi.switches import CSV_MODIFIERS, NIC_VIEWS, PROCESS_FIELDS, ROW_FIELDS, SECTIONS, SHELLS

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hl_smi.query.select import Selector

__all__ = [
    "count_of",
    "fields_of",
    "format_of",
    "loop_ms_of",
    "nic_view_of",
    "ports_of",
    "power_limit_of",
    "run_time_of",
    "section_of",
    "selector_of",
    "shell_of",
]

_SECONDS = re.compile(r"[0-9]{1,7}")
_WATTS = re.compile(r"[0-9]{1,5}")
_PORT = re.compile(r"[0-9]{1,2}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_DEFAULT_LOOP_S = 5


def selector_of(given: Given) -> Selector | None:
    """The card of -i."""
    word = given.get("device")
    if word is None:
        return None
    from hl_smi.query.select import parse_selector

    return parse_selector(word)


def section_of(word: str | None) -> str | None:
    if word is not None and word not in SECTIONS:
        raise UsageError(f"option -d: unknown type {word!r}; types: {', '.join(SECTIONS)}")
    return word


def run_time_of(word: str | None) -> int | None:
    if word is None:
        return None
    if not _SECONDS.fullmatch(word):
        raise UsageError(f"option -d: {word!r} is not a number; with -Q it is the run time in seconds, 0 = forever")
    return int(word)


def fields_of(action: Action, given: Given) -> tuple[str, ...]:
    if action is Action.CSV:
        from hl_smi.fields import FIELDS

        return _names(given["query-aip"], "-Q", tuple(FIELDS))
    if action is Action.ROW_REPLACEMENT:
        return _names(given["query-row-replacement"], "--query-row-replacement", ROW_FIELDS)
    if action is Action.PROCESSES:
        return _names(given["query-compute-apps"], "--query-compute-apps", PROCESS_FIELDS)
    return ()


def _names(word: str | None, spelled: str, known: Sequence[str]) -> tuple[str, ...]:
    names = tuple(part.strip().lower() for part in (word or "").split(","))
    for name in names:
        if name not in known:
            raise UsageError(f"option {spelled}: unknown field {name!r}; fields: {', '.join(known)}")
    return names


def format_of(word: str | None) -> tuple[bool, bool]:
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
        if not _NUMBER.fullmatch(word) or int(word) == 0:
            raise UsageError(f"option --loop-ms: {word!r} is not a number of milliseconds; expected 1 or more")
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


def shell_of(word: str | None) -> str | None:
    if word is not None and word not in SHELLS:
        raise UsageError(f"option --completion: unknown shell {word!r}; shells: {', '.join(SHELLS)}")
    return word


def nic_view_of(word: str | None) -> str | None:
    if word is not None and word not in NIC_VIEWS:
        raise UsageError(f"option -n: unknown view {word!r}; views: {', '.join(NIC_VIEWS)}")
    return word


def ports_of(word: str | None) -> tuple[int, ...] | None:
    if word is None:
        return None
    parts = [part.strip() for part in word.split(",")]
    for part in parts:
        if not _PORT.fullmatch(part):
            raise UsageError(f"option -P: {part!r} is not a port number; expected a comma list such as 0,1,2")
    return tuple(int(part) for part in parts)


def power_limit_of(word: str | None) -> int | None:
    if word is None:
        return None
    if not _WATTS.fullmatch(word) or int(word) == 0:
        raise UsageError(f"option -p: {word!r} is not a number of watts; expected a whole number such as 550")
    return int(word)
