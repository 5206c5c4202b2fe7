"""Words of the command line -> the switches that they give. Pure; called by `argv` and `subcommands`.

The vendor's rules are those of getopt_long: switches in any order, letters in clusters (-qd POWER), --x=y and --x y,
long names by exact or unique prefix. -l takes a number only if the next word begins with a digit. Whatever does not
fit is a UsageError that names the word and lists what is allowed. A switch given twice with different arguments is
refused too: there is no order in which to prefer one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hl_smi.errors import UsageError
from hl_smi.switches import Argument, Switch

__all__ = ["Given", "scan"]

# Key of each given switch -> its argument; None for a switch without one.
Given = Mapping[str, "str | None"]


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
