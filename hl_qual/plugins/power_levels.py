"""The load levels of the power tests, and what makes each of them. For power_stress and edp_stress.

A level is a compiled multiplication; its power follows from what its engines do, not from a pause in the host's loop:

    extreme  the MME works at every cycle: more than the power limit allows, so the card settles at the limit
    high     K is so short that the HBM, which carries the fp32 result, decides: the MME waits for a part of the time
    low      the TPC doubles every result while the MME idles; only the first steps of increasing power use it

How long K has to be depends on how fast MME and HBM are, so every family has shapes of its own. On the first Gaudi the
HBM keeps up with any K, and no load reaches the power limit: extreme has the HBM busy in addition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hl_qual.plugins.matmul_workload import Shape, prepare_workload

if TYPE_CHECKING:
    from hl_qual.plugins.api import Preparation

__all__ = ["DEFAULT_LEVEL", "INCREASING", "level_directory", "level_of", "prepare_levels", "shape_of", "step_of"]

_LEVELS = {
    "gaudi": {
        "low": Shape(2048, 2048, 256, doublings=1),
        "high": Shape(2048, 2048, 2048),
        "extreme": Shape(2048, 2048, 256),
    },
    "gaudi2": {
        "low": Shape(2048, 2048, 256, doublings=1),
        "high": Shape(2048, 2048, 312),
        "extreme": Shape(2048, 2048, 1024),
    },
    "gaudi3": {
        "low": Shape(2048, 2048, 256, doublings=1),
        "high": Shape(2048, 2048, 928),
        "extreme": Shape(2048, 2048, 2048),
    },
}
DEFAULT_LEVEL = "high"
INCREASING = ("low", "high", "extreme")


def shape_of(family: str, level: str) -> Shape:
    """The multiplication of a level."""
    return _LEVELS[family][level]


def level_of(switches: Mapping[str, str | None]) -> str:
    """What -l asks for."""
    return switches.get("-l") or DEFAULT_LEVEL


def step_of(pulse: int, pulses: int) -> int:
    """Which level of INCREASING pulse `pulse` of `pulses` has: evenly, and the last pulse always has the highest."""
    return ((pulse + 1) * len(INCREASING) - 1) // pulses if pulses > 1 else len(INCREASING) - 1


def level_directory(directory: str | Path, level: str) -> Path:
    """Where the files of a level are."""
    return Path(directory) / level


def prepare_levels(preparation: Preparation, levels: Sequence[str]) -> tuple[str, ...]:
    """Compile and compute the golden results of each level; lines for the report.

    ValueError for a family whose power at a level is not known: without a limit there is no verdict.
    """
    unknown = [level for level in levels if f"{level}_min_power" not in preparation.limits]
    if unknown:
        raise ValueError(f"there is no power limit for level {unknown[0]} on {preparation.family} cards yet")
    lines: list[str] = []
    for level in levels:
        own = level_directory(preparation.directory, level)
        own.mkdir()
        shape = shape_of(preparation.family, level)
        notes = prepare_workload(replace(preparation, directory=own), shape)
        lines += [f"level {level}: {shape}; {note}" for note in notes]
    return tuple(lines)
