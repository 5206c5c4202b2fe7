"""Words of the command line -> Options. Pure: no file, no card, no output. Called by `cli`.

`scan` knows how switches are spelled, `arguments` what their values may be; here is which of them go together.
Sub-commands are parsed in `subcommands`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hl_smi.arguments import (
    count_of,
    fields_of,
    format_of,
    loop_ms_of,
    nic_view_of,
    ports_of,
    power_limit_of,
    run_time_of,
    section_of,
    selector_of,
    shell_of,
)
from hl_smi.errors import UsageError
from hl_smi.options import Action, Options
from hl_smi.scan import Given, scan
from hl_smi.switches import SWITCHES

__all__ = ["parse"]

# The vendor's commands are found anywhere; ours are the first word, so that no argument is mistaken for one.
_VENDOR_COMMANDS = ("topo", "dmon")
_OWN_COMMANDS = ("stream", "top", "events")


_ACTIONS = {
    "list": Action.REPORT,
    "query": Action.REPORT,
    "query-aip": Action.CSV,
    "query-row-replacement": Action.ROW_REPLACEMENT,
    "query-compute-apps": Action.PROCESSES,
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
    Action.PROCESSES: _REPEATED | {"format"},
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
            shell, path = shell_of(given.get("completion")), given.get("output")
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
    has_header, has_units = format_of(given.get("format"))
    display = given.get("display")
    return Options(
        action=action,
        selector=selector_of(given),
        section=section_of(display) if action is Action.REPORT else None,
        fields=fields_of(action, given),
        has_header=has_header,
        has_units=has_units,
        loop_ms=loop_ms_of(given),
        run_time_s=run_time_of(display) if action is Action.CSV else None,
        count=count_of(given),
        nic_view=nic_view_of(given.get("nic")),
        ports=ports_of(given.get("ports")),
        power_limit_w=power_limit_of(given.get("power-max")),
        is_json="json" in given,
        output_path=given.get("output"),
        is_debug="debug" in given,
    )
