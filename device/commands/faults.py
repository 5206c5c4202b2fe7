"""Faults into and out of cards, resets, and what the kernel log says about them."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from device.commands.common import card_numbers, echo_json, seconds
from device.errors import DeviceError
from device.fault_catalogue import catalogue

__all__ = ["dmesg", "heal", "inject", "reset"]

# How often `dmesg --follow` looks, wall time.
_FOLLOW_S = 0.2


def _complete_fault(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(f.name, help=f.visible) for f in catalogue() if f.name.startswith(incomplete)]


@click.command()
@click.argument("cards", required=False)
@click.argument("fault", required=False, shell_complete=_complete_fault)
@click.option("--degree", help="How strong, a number or percent; what it means depends on the fault, see --list.")
@click.option("--address", help="Where, for faults that have a place (0x...), see --list.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of everything random about it.")
@click.option("--when", help="Only while this holds: temp>75 (die, C), hbm>90, power>400, clock<1000, util>50.")
@click.option("--after", help="Not before this much box time has passed: 90s, 10m.")
@click.option("--one-in", type=click.FloatRange(min=1), help="Strike one time in so many, for example 1e5.")
@click.option("--once", is_flag=True, help="The first hit heals it; without it the fault is stuck.")
@click.option("--list", "list_faults", is_flag=True, help="List the faults, and what becomes visible where.")
@click.option("--json", "as_json", is_flag=True, help="With --list: print JSON.")
def inject(
    cards: str | None,
    fault: str | None,
    degree: str | None,
    address: str | None,
    seed: int,
    when: str | None,
    after: str | None,
    one_in: float | None,
    once: bool,
    list_faults: bool,
    as_json: bool,
) -> None:
    """Inject FAULT into CARDS (3, 0,2, 0-3 or all).

    Faults of engines and memory look at --when, --after and --one-in each time they could strike. A fault that is a
    state (airflow, link-down, lost, ...) begins at a moment: with --when or --after the command waits for it, Ctrl-C
    gives up.

    \b
    Examples:
      gaudi-box inject --list
      gaudi-box inject 3 mme-bitflip --one-in 1e5 --when 'temp>60'
      gaudi-box inject all airflow --degree 40%
      gaudi-box inject 2 link-down --degree 5 --after 90s
    """
    from device.fault_commands import Wish, catalogue_document, inject_faults, render_catalogue

    if list_faults:
        if as_json:
            echo_json(catalogue_document())
        else:
            click.echo(render_catalogue())
        return
    if cards is None or fault is None:
        raise click.UsageError("name cards and a fault, for example: gaudi-box inject 3 mme-bitflip; see --list")
    wish = Wish(
        name=fault,
        degree=degree,
        address=address,
        seed=seed,
        when=when,
        after_s=seconds(after) if after else 0.0,
        one_in=one_in or 0.0,
        is_once=once,
    )
    for line in inject_faults(card_numbers(cards), wish):
        click.echo(line)


@click.command()
@click.argument("cards", default="all")
@click.argument("fault", required=False, shell_complete=_complete_fault)
def heal(cards: str, fault: str | None) -> None:
    """Take FAULT (or all faults) away from CARDS (3, 0,2, 0-3 or all).

    Error counters keep what they counted; a card that needs a reset still does.

    \b
    Examples:
      gaudi-box heal
      gaudi-box heal 3 airflow
    """
    from device.fault_commands import heal_faults

    for line in heal_faults(card_numbers(cards), fault):
        click.echo(line)


@click.command()
@click.argument("cards")
def reset(cards: str) -> None:
    """Hard reset of CARDS (3, 0,2, 0-3 or all). Who holds one loses its work and its memory.

    Root may, the user of whoever holds the card, and the owner of the box if nobody does. hl-smi -r does the same.

    \b
    Example:
      gaudi-box reset 3
    """
    from device.card import Box

    with Box.open() as box:
        numbers: Sequence[int] = card_numbers(cards) or range(len(box.cards))
        chosen = [box.card(index) for index in numbers]
        errors = []
        for card in chosen:
            try:
                card.reset()
                click.echo(f"card {card.index}: in reset, number {card.pulse().reset_count}")
            except DeviceError as error:  # the others can be reset all the same
                errors.append(error)
                click.echo(f"gaudi-box: {error}", err=True)
        if errors:
            raise click.exceptions.Exit(errors[0].exit_status)


@click.command()
@click.option("-w", "--follow", is_flag=True, help="Go on and print what comes, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line each with --follow.")
def dmesg(follow: bool, as_json: bool) -> None:
    """Print the kernel log of the box: what its habanalabs driver has reported, in box time since boot.

    \b
    Examples:
      gaudi-box dmesg
      gaudi-box dmesg --follow
    """
    import json

    from device.card import Box
    from device.kernel_log import LogLine, read_log, render_line

    def document(line: LogLine) -> dict[str, object]:
        return {"box_time_ns": line.box_ns, "card": line.card, "level": line.level, "text": line.text}

    with Box.open(for_writing=False) as box:
        lines = read_log(box)
        if as_json and not follow:
            echo_json([document(line) for line in lines])
            return
        seen: set[LogLine] = set()
        while True:
            for line in lines:
                if line not in seen:
                    click.echo(json.dumps(document(line)) if as_json else render_line(line, box))
            seen.update(lines)
            if not follow:
                return
            time.sleep(_FOLLOW_S)
            box.check_alive()
            lines = read_log(box)
