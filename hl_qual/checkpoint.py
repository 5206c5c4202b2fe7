"""What of a campaign is done, in a file that survives kill -9: resuming repeats at most the step that was running.

The file is replaced in one piece after every step and reaches the disk before the next step begins.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hl_qual.errors import UsageError
from hl_qual.findings import Finding, finding_from_json

__all__ = ["CardStep", "Checkpoint", "StepResult", "load_checkpoint", "save_checkpoint"]

_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class CardStep:
    """One card in one step."""

    bus_id: str
    verdict: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class StepResult:
    """A finished step. `report` is the name of its report without suffix, None if that could not be written."""

    number: int
    command: str
    verdict: str
    exit_status: int
    seconds: float
    report: str | None
    findings: tuple[Finding, ...]
    cards: tuple[CardStep, ...]

    @property
    def is_passed(self) -> bool:
        """The only good verdict."""
        return self.verdict == "PASSED"

    def to_json(self) -> dict[str, object]:
        """Plain values, for the file and for the JSON report."""
        findings = [finding.to_json() for finding in self.findings]
        cards = [{**asdict(card), "findings": [each.to_json() for each in card.findings]} for card in self.cards]
        return {**asdict(self), "findings": findings, "cards": cards}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`commands` are those of all steps, which tells whether a file belongs to this campaign."""

    seed: int
    commands: tuple[str, ...]
    done: tuple[StepResult, ...] = ()


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """OSError if it cannot be written; the former one is whole then."""
    aside = path.with_name(f".{path.name}.part")
    with aside.open("w", encoding="utf-8") as file:
        steps = [step.to_json() for step in checkpoint.done]
        json.dump({"schema": _SCHEMA, **asdict(checkpoint), "done": steps}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def load_checkpoint(path: Path, commands: Sequence[str]) -> Checkpoint:
    """UsageError for a file that cannot be read, is no checkpoint, or belongs to other tests."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["schema"] != _SCHEMA:
            raise UsageError(f"--resume {path}: schema {values['schema']!r}, expected {_SCHEMA}")
        done = tuple(_step(step) for step in values["done"])
        found = Checkpoint(int(values["seed"]), tuple(str(command) for command in values["commands"]), done)
    except OSError as error:
        raise UsageError(f"--resume {str(path)!r} ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"--resume {str(path)!r} is no checkpoint of hl_qual ({error})") from error
    if found.commands != tuple(commands) or [step.number for step in found.done] != list(range(len(found.done))):
        raise UsageError(f"--resume {str(path)!r} belongs to other tests; give the command line that wrote it")
    return found


def _step(values: dict[str, Any]) -> StepResult:
    report = values["report"]
    return StepResult(
        number=int(values["number"]),
        command=str(values["command"]),
        verdict=str(values["verdict"]),
        exit_status=int(values["exit_status"]),
        seconds=float(values["seconds"]),
        report=None if report is None else str(report),
        findings=_findings(values["findings"]),
        cards=tuple(CardStep(str(c["bus_id"]), str(c["verdict"]), _findings(c["findings"])) for c in values["cards"]),
    )


def _findings(values: list[dict[str, object]]) -> tuple[Finding, ...]:
    return tuple(finding_from_json(each) for each in values)
