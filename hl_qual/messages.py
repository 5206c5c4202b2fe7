"""The language of the result pipe: one JSON object a line, from a runner to its manager.

Order: `ready` (init done, waiting for the start), `started`, any number of `progress`, one `result`. Text that is
meant for people goes through the message pipe (the runner's stdout and stderr) instead. Used by runner and
runner_manager only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from hl_qual.errors import ProtocolError
from hl_qual.outcome import Outcome

__all__ = ["Message", "Progress", "Ready", "Result", "Started", "decode", "encode"]


@dataclass(frozen=True, slots=True)
class Ready:
    """The init phase is over; the runner waits for the common start."""


@dataclass(frozen=True, slots=True)
class Started:
    """The run phase begins. Box time in nanoseconds."""

    box_time_ns: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Sign of life; `fraction` of the work done, 0 to 1."""

    fraction: float


@dataclass(frozen=True, slots=True)
class Result:
    """The last word of a runner."""

    outcome: Outcome


Message = Ready | Started | Progress | Result


def encode(message: Message) -> bytes:
    """One line, newline included."""
    match message:
        case Ready():
            values: dict[str, object] = {"kind": "ready"}
        case Started(box_time_ns):
            values = {"kind": "started", "box_time_ns": box_time_ns}
        case Progress(fraction):
            values = {"kind": "progress", "fraction": fraction}
        case Result(outcome):
            values = {"kind": "result", "outcome": outcome.to_json()}
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Inverse of `encode`; ProtocolError for anything else."""
    try:
        values = json.loads(line)
        match values["kind"]:
            case "ready":
                return Ready()
            case "started":
                return Started(int(values["box_time_ns"]))
            case "progress":
                return Progress(float(values["fraction"]))
            case "result":
                return Result(Outcome.from_json(values["outcome"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ProtocolError(f"not a message: {line[:80]!r} ({error})") from error
    raise ProtocolError(f"unknown kind of message: {line[:80]!r}")
