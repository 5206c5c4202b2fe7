"""Words behind topo, dmon, stream, top and events -> Options. Pure; called by `argv` when one is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hl_smi.arguments import count_of, loop_ms_of, selector_of
from hl_smi.errors import UsageError
from hl_smi.options import Action, Options
from hl_smi.scan import Given, scan
from hl_smi.switches import (
    DMON_SWITCHES,
    EVENTS_SWITCHES,
    STREAM_SWITCHES,
    TOP_SWITCHES,
    TOPO_SWITCHES,
    Switch,
)

__all__ = ["parse_command"]

_STREAM_LOOP_MS = 1000
_TOP_LOOP_MS = 500


def parse_command(command: str, words: Sequence[str]) -> Options:
    """Options of `hl-smi COMMAND WORDS`."""
    switches, options_of = _COMMANDS[command]
    given = scan(words, switches)
    if "help" in given:
        return Options(Action.HELP, is_debug="debug" in given)
    return options_of(given)


def _topo(given: Given) -> Options:
    if not given.keys() & {"cpus", "numa", "matrix"}:
        raise UsageError("topo: nothing to show; give -c (CPU affinity), -N (NUMA affinity) or -m (links)")
    return Options(
        Action.TOPOLOGY,
        is_cpu_affinity_shown="cpus" in given,
        is_numa_affinity_shown="numa" in given,
        is_matrix_shown="matrix" in given,
        is_json="json" in given,
        output_path=given.get("output"),
        is_debug="debug" in given,
    )


def _dmon(given: Given) -> Options:
    return Options(Action.MONITOR, selector=selector_of(given), is_debug="debug" in given)


def _stream(given: Given) -> Options:
    return Options(
        Action.STREAM,
        selector=selector_of(given),
        loop_ms=loop_ms_of(given) or _STREAM_LOOP_MS,
        count=count_of(given),
        is_json="json" in given,
        output_path=given.get("output"),
        is_debug="debug" in given,
    )


def _top(given: Given) -> Options:
    return Options(
        Action.TOP,
        selector=selector_of(given),
        loop_ms=loop_ms_of(given) or _TOP_LOOP_MS,
        count=count_of(given),
        is_debug="debug" in given,
    )


def _events(given: Given) -> Options:
    if "no-follow" in given and "past" not in given:
        raise UsageError("events: --no-follow needs --past; without it there is nothing to show")
    return Options(
        Action.EVENTS,
        selector=selector_of(given),
        is_past_shown="past" in given,
        is_followed="no-follow" not in given,
        is_json="json" in given,
        output_path=given.get("output"),
        is_debug="debug" in given,
    )


_COMMANDS: dict[str, tuple[Sequence[Switch], Callable[[Given], Options]]] = {
    "topo": (TOPO_SWITCHES, _topo),
    "dmon": (DMON_SWITCHES, _dmon),
    "stream": (STREAM_SWITCHES, _stream),
    "top": (TOP_SWITCHES, _top),
    "events": (EVENTS_SWITCHES, _events),
}
