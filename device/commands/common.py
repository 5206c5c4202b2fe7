"""What the commands of gaudi-box share: how cards and times are written, JSON, proposals for slips."""

from __future__ import annotations

import difflib
import json
import re
from typing import Any

import click

__all__ = ["ProposingGroup", "card_numbers", "echo_json", "seconds"]

_UNIT_S = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class ProposingGroup(click.Group):
    """A group that says what a mistyped command may have meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            known = self.list_commands(ctx)
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
            raise click.UsageError(f"there is no command {name!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


def card_numbers(text: str) -> list[int]:
    """ "0,2-4" or "all" as card numbers; an empty list means all."""
    if text == "all":
        return []
    numbers: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,2})(?:-(\d{1,2}))?", part.strip())
        if not match:
            raise click.BadParameter(f"{text!r} is no list of cards such as 3, 0,2 or 0-3, nor 'all'")
        first, last = int(match[1]), int(match[2] or match[1])
        numbers.extend(range(first, last + 1))
    return sorted(set(numbers))


def seconds(text: str) -> float:
    """ "90", "90s", "10m", "1.5h", "2d" as seconds."""
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,9})?)(ms|s|m|h|d)?", text.strip())
    if not match:
        raise click.BadParameter(f"{text!r} is no time such as 90s, 10m or 1.5h")
    return float(match[1]) * _UNIT_S[match[2]]


def echo_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=2))
