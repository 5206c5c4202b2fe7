"""What a test is: the interface between hl_qual and its plugins.

A plugin works in two processes. `prepare` runs once, in hl_qual itself, and leaves what all cards share in a
directory (compiled recipe, golden results). `init` and `run` run in the runner of one card. Plugins print nothing:
they call `ctx.log`. They never look at hl_qual's options: a `Job` carries what concerns them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from hl_qual.findings import DeviceId
from hl_qual.limits import Limit
from hl_qual.outcome import Outcome

if TYPE_CHECKING:
    from device.runtime import Card

__all__ = ["HasLimits", "HasRounds", "Job", "Plugin", "Preparation", "RunContext", "job_from_json"]


@dataclass(frozen=True, slots=True)
class Preparation:
    """What `prepare` may use. `limits` are those of the plugin, `switches` the test's own ones, by name."""

    directory: Path
    family: str
    seed: int
    limits: Mapping[str, float]
    is_cancelled: Callable[[], bool]
    switches: Mapping[str, str | None] = field(default_factory=dict)
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """The work of one runner, handed over as a JSON file. `rank` counts the `ranks` runners that work side by side."""

    plugin: str
    reference: str
    family: str
    device_index: int
    device: DeviceId
    duration_s: float
    iterations: int | None
    seed: int
    limits: Mapping[str, float]
    directory: str
    switches: Mapping[str, str | None]
    rank: int = 0
    ranks: int = 1

    def to_json(self) -> str:
        """Text of the job file."""
        return json.dumps(asdict(self), indent=1)


def job_from_json(text: str) -> Job:
    """Inverse of `Job.to_json`."""
    values = json.loads(text)
    return Job(**{**values, "device": DeviceId(**values["device"])})


@dataclass(frozen=True, slots=True)
class RunContext:
    """What `init` and `run` may use. `card` is acquired already; it is there if `needs_card`."""

    job: Job
    card: Card | None
    log: Callable[[str], None]
    progress: Callable[[float], None]
    box_time_ns: Callable[[], int]


class Plugin(Protocol):
    """One test. `name` is what -t or the report call it."""

    name: str
    title: str
    default_duration_s: float
    needs_card: bool

    def prepare(self, preparation: Preparation) -> tuple[str, ...]:
        """Once, in hl_qual: leave in the directory what all cards share; return lines for the report."""

    def init(self, ctx: RunContext) -> None:
        """In the runner: allocate and load. Not part of the test time."""

    def run(self, ctx: RunContext) -> Outcome:
        """In the runner: the test, for `ctx.job.duration_s` of box time."""


@runtime_checkable
class HasLimits(Protocol):
    """What a plugin of somebody else may have in addition: limits of its own, which the plugin INI can override."""

    def limits(self, family: str, card: str) -> Mapping[str, Limit]:
        """By name, for a card such as HL-225; <metric>_spread asks for a comparison of the cards."""


@runtime_checkable
class HasRounds(Protocol):
    """What a plugin has whose duration passes several times, for sub-tests one after the other."""

    def rounds(self, switches: Mapping[str, str | None], iterations: int | None) -> int:
        """How often. Without this method: once per iteration."""
