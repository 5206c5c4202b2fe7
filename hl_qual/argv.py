"""Words of the command line -> Options. Pure: no file, no card, no output.

The vendor's rules: exact switches in any order, no bundling, no glued values, `-t` twice (a number is the duration, a
name selects a test), `-c A B` and `-c A,B`. Whatever does not fit is a UsageError that names the word.
Whether a file exists or a card is present is for `cli` and `plan` to find out.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from hl_qual.errors import UsageError
from hl_qual.switches import COMMON, FAMILIES, OWN, SELECTORS, Kind, Selector, Switch

__all__ = ["HelpRequest", "Options", "parse"]

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_INTEGER = re.compile(r"[0-9]+")
_PORTS = re.compile(r"[0-9]{1,2}(,[0-9]{1,2})*")
_BUS_ID = re.compile(r"([0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]")
_INDEX = re.compile(r"[0-9]{1,3}")
_CARD = rf"({_BUS_ID.pattern}|{_INDEX.pattern})"
_CARD_WORD = re.compile(rf"{_CARD}(,{_CARD})*,?")
_GROUPS = ("all", "quad_0", "quad_1")
_LONGEST_S = 604800.0  # a week; the real tool documents 48 h


@dataclass(frozen=True, slots=True)
class HelpRequest:
    """`-h` was given; `family` if one was named beside it."""

    family: str | None


@dataclass(frozen=True, slots=True)
class Options:
    """One run as asked for. None means: not given, so the default of the test or of the box applies.

    `devices` is ("all",), ("quad_0",), ("quad_1",), or full bus ids in lower case and accel numbers. `test` is the name
    of the short form, `selector` the vendor's switch; exactly one of them is set, with a plan neither. `own` holds the
    switches of that test, None for a flag.
    """

    words: tuple[str, ...]
    family: str | None = None
    devices: tuple[str, ...] = ("all",)
    is_parallel: bool = True
    test: str | None = None
    selector: Selector | None = None
    selector_mode: str | None = None
    duration_s: float | None = None
    iterations: int | None = None
    is_monitor_drawn: bool = True
    monitor_ini: str | None = None
    plugin_ini: str | None = None
    do_corrected_errors_fail: bool = False
    is_dmesg_wanted: bool = False
    is_output_immediate: bool = False
    is_aer_ignored: bool = False
    sensors_period_s: int | None = None
    expected_devices: int | None = None
    seed: int | None = None
    plan: str | None = None
    repeat: int = 1
    is_fail_early: bool = False
    checkpoint: str | None = None
    resume: str | None = None
    own: tuple[tuple[str, str | None], ...] = ()

    @property
    def plugin_name(self) -> str:
        """Name of the test that this run executes."""
        return self.selector.plugin if self.selector is not None else self.test or ""

    @property
    def is_campaign(self) -> bool:
        """Several steps instead of one test."""
        return self.plan is not None or self.repeat > 1 or self.checkpoint is not None or self.resume is not None


@dataclass(slots=True)
class _Draft:
    """What has been read so far; None or empty is "not yet"."""

    words: tuple[str, ...]
    tests: Collection[str]
    position: int = 0
    family: str | None = None
    devices: tuple[str, ...] | None = None
    selector: Selector | None = None
    selector_mode: str | None = None
    test: str | None = None
    duration_s: float | None = None
    iterations: int | None = None
    plugin_ini: str | None = None
    given: dict[str, str | None] = field(default_factory=dict)

    def peek(self) -> str | None:
        """The next word, or None at the end."""
        return self.words[self.position] if self.position < len(self.words) else None

    def take_value(self, switch: str) -> str:
        """The value of a switch; a word with a hyphen in front is never one."""
        word = self.peek()
        if word is None or word.startswith("-") or not word:
            raise UsageError(f"{switch} needs a value")
        self.position += 1
        return word


def parse(words: Sequence[str], tests: Collection[str]) -> Options | HelpRequest:
    """Options of a command line without its argv[0]; `tests` are the names that `-t` knows."""
    if "-h" in words or "--help" in words:
        families = [FAMILIES[word] for word in words if word in FAMILIES]
        return HelpRequest(families[0] if families else None)
    draft = _Draft(tuple(words), tests)
    while (word := draft.peek()) is not None:
        draft.position += 1
        _read(draft, word)
    _check_whole(draft)
    return _finish(draft)


def _read(draft: _Draft, word: str) -> None:
    if word in FAMILIES:
        if draft.family not in (None, FAMILIES[word]):
            raise UsageError(f"two device families: -{draft.family} and {word}")
        draft.family = FAMILIES[word]
    elif word == "-c":
        _read_devices(draft)
    elif word == "-t":
        _read_t(draft)
    elif word == "-i":
        _once(draft.iterations is None, "-i")
        draft.iterations = _integer("-i", draft.take_value("-i"), 1, 10000)
    elif word in SELECTORS:
        _read_selector(draft, SELECTORS[word])
    elif word in COMMON or word in OWN:
        _read_switch(draft, COMMON.get(word) or OWN[word])
    elif word.startswith("-") or not word:
        raise UsageError(f"unknown switch {word!r}{_suggestion(word)}")
    else:
        if draft.plugin_ini is not None:
            raise UsageError(f"unexpected word {word!r}: the plugin INI file is already {draft.plugin_ini!r}")
        draft.plugin_ini = word


def _suggestion(word: str) -> str:
    known = [*FAMILIES, "-c", "-t", "-i", *SELECTORS, *COMMON, *OWN]
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.7)
    return f" (did you mean {close[0]}?)" if close else ""


def _once(is_first: bool, switch: str) -> None:
    if not is_first:
        raise UsageError(f"{switch} is given twice")


def _integer(switch: str, word: str, minimum: int, maximum: int) -> int:
    if not _INTEGER.fullmatch(word) or not minimum <= int(word) <= maximum:
        raise UsageError(f"{switch} {word!r}: expected a whole number from {minimum} to {maximum}")
    return int(word)


def _read_devices(draft: _Draft) -> None:
    _once(draft.devices is None, "-c")
    word = draft.take_value("-c")
    if word in _GROUPS:
        draft.devices = (word,)
        return
    parts = [word]
    while (following := draft.peek()) is not None and _CARD_WORD.fullmatch(following):
        parts.append(following)
        draft.position += 1
    pieces = ",".join(part.removesuffix(",") for part in parts[:-1]) + "," if len(parts) > 1 else ""
    ids = (pieces + parts[-1]).split(",")
    for each in ids:
        if not _BUS_ID.fullmatch(each) and not _INDEX.fullmatch(each):
            raise UsageError(
                f"-c {word!r}: expected all, quad_0, quad_1, PCI bus ids such as 0000:19:00.0 or numbers such as 0,3"
            )
    full = tuple(_full_id(each) for each in ids)
    for each in full:
        if full.count(each) > 1:
            raise UsageError(f"-c names {each!r} twice")
    draft.devices = full


def _full_id(word: str) -> str:
    """A bus id with its domain in lower case, or an accel number without leading zeros."""
    if _INDEX.fullmatch(word):
        return str(int(word))
    return word.lower() if word.count(":") == 2 else f"0000:{word.lower()}"


def _read_t(draft: _Draft) -> None:
    word = draft.take_value("-t")
    if _NUMBER.fullmatch(word):
        _once(draft.duration_s is None, "-t <seconds>")
        if not 0 < float(word) <= _LONGEST_S:
            raise UsageError(f"-t {word!r}: expected more than 0 and at most {_LONGEST_S:.0f} seconds")
        draft.duration_s = float(word)
        return
    if word not in draft.tests:
        close = difflib.get_close_matches(word, list(draft.tests), n=1, cutoff=0.7)
        hint = f" (did you mean {close[0]}?)" if close else f" (tests: {', '.join(sorted(draft.tests))})"
        raise UsageError(f"-t {word!r} is neither a number of seconds nor a test{hint}")
    _once(draft.test is None, "-t <test name>")
    draft.test = word


def _read_selector(draft: _Draft, selector: Selector) -> None:
    if draft.selector is not None:
        raise UsageError(f"one test a run: {draft.selector.word} and {selector.word}")
    draft.selector = selector
    if selector.modes and draft.peek() in selector.modes:
        draft.selector_mode = draft.take_value(selector.word)


def _read_switch(draft: _Draft, switch: Switch) -> None:
    if switch.kind is Kind.FLAG:
        draft.given[switch.word] = None
        return
    _once(switch.word not in draft.given, switch.word)
    if switch.kind is Kind.OPTIONAL_CHOICE:
        has_value = draft.peek() in switch.choices
        draft.given[switch.word] = draft.take_value(switch.word) if has_value else None
        return
    word = draft.take_value(switch.word)
    if switch.kind is Kind.CHOICE and word not in switch.choices:
        raise UsageError(f"{switch.word} {word!r}: expected one of {', '.join(switch.choices)}")
    if switch.kind is Kind.INTEGER:
        _integer(switch.word, word, switch.minimum, switch.maximum)
    if switch.kind is Kind.PORTS and not _PORTS.fullmatch(word):
        raise UsageError(f"{switch.word} {word!r}: expected port numbers such as 8,22,23")
    draft.given[switch.word] = word


def _check_whole(draft: _Draft) -> None:
    """Rules about several words at once."""
    selector = draft.selector
    if "--checkpoint" in draft.given and "--resume" in draft.given:
        raise UsageError("--checkpoint and --resume: --resume goes on writing to its file, give only one of them")
    if "--plan" in draft.given:
        _check_plan(draft)
        return
    if selector is None and draft.test is None:
        raise UsageError("no test is selected: give -t <test name>, a test switch such as -f2, or --plan quick")
    if selector is not None and draft.test is not None:
        raise UsageError(f"one test a run: {selector.word} and -t {draft.test}")
    allowed = selector.own if selector is not None else ()
    name = selector.word if selector is not None else f"-t {draft.test}"
    for word in draft.given:
        if word in OWN and word not in allowed:
            raise UsageError(f"{word} does not belong to {name}")
    if selector is None:
        if draft.iterations is not None:
            raise UsageError(f"-i does not belong to {name}")
        return
    if draft.devices is None:
        raise UsageError(f"-c is missing: {name} needs -c <all or PCI bus ids>")
    if "-rmod" not in draft.given:
        raise UsageError(f"-rmod is missing: {name} needs -rmod <serial | parallel>")
    level = draft.given.get("-l")
    if level is not None and level not in selector.levels:
        raise UsageError(f"-l {level!r}: {selector.word} takes {', '.join(selector.levels)}")
    _check_measure(draft, selector)


def _check_plan(draft: _Draft) -> None:
    """The plan has the tests, the command line what is common to them."""
    extra = [word for word in draft.given if word in OWN]
    if draft.selector is not None:
        extra.append(draft.selector.word)
    if draft.test is not None or draft.duration_s is not None:
        extra.append("-t")
    if draft.iterations is not None:
        extra.append("-i")
    if extra:
        raise UsageError(f"{extra[0]} does not belong to --plan, whose tests are in the plan")


def _check_measure(draft: _Draft, selector: Selector) -> None:
    """A time-based test takes -t, an iteration-based one -i."""
    if draft.duration_s is not None and not selector.is_time_based:
        raise UsageError(f"-t does not belong to {selector.word}")
    if draft.iterations is None:
        return
    if selector.iterations is None:
        raise UsageError(f"-i does not belong to {selector.word}")
    low, high = selector.iterations
    if not low <= draft.iterations <= high:
        raise UsageError(f"-i '{draft.iterations}': {selector.word} takes {low} to {high}")


def _finish(draft: _Draft) -> Options:
    given = draft.given
    return Options(
        words=draft.words,
        family=draft.family,
        devices=draft.devices or ("all",),
        is_parallel=given.get("-rmod", "parallel") == "parallel",
        test=draft.test,
        selector=draft.selector,
        selector_mode=draft.selector_mode,
        duration_s=draft.duration_s,
        iterations=draft.iterations,
        is_monitor_drawn="-dis_mon" not in given,
        monitor_ini=given.get("-mon_cfg"),
        plugin_ini=draft.plugin_ini,
        do_corrected_errors_fail="-enable_serr" in given,
        is_dmesg_wanted="-dmesg" in given,
        is_output_immediate="-disable_pipe_red" in given,
        is_aer_ignored="-skip_aer_detection" in given,
        sensors_period_s=_as_int(given.get("-sensors")),
        expected_devices=_as_int(given.get("--expected-devices")),
        seed=_as_int(given.get("--seed")),
        plan=given.get("--plan"),
        repeat=_as_int(given.get("--repeat")) or 1,
        is_fail_early="--fail-early" in given,
        checkpoint=given.get("--checkpoint"),
        resume=given.get("--resume"),
        own=tuple((word, value) for word, value in given.items() if word in OWN),
    )


def _as_int(word: str | None) -> int | None:
    return None if word is None else int(word)
