"""`gaudi-box play`."""

from __future__ import annotations

from pathlib import Path

import click

from device.commands.common import echo_json

__all__ = ["play"]


@click.command()
@click.argument("scenario", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check the file and print the time line; nothing happens.")
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: print JSON.")
def play(scenario: Path, dry_run: bool, as_json: bool) -> None:
    """Play SCENARIO (a TOML file): a time line of loads, faults, heals, resets and clock changes, in box time.

    A step that fails is reported and the others go on; the exit status is then that of the first error.

    \b
    Examples:
      gaudi-box play heatwave.toml --dry-run
      gaudi-box clock --rate 60 && gaudi-box play heatwave.toml
    """
    from device.scenario import read_scenario

    read = read_scenario(scenario)
    if dry_run:
        if as_json:
            steps = [{"at_s": step.at_s, "action": str(step.action)} for step in read.steps]
            echo_json({"name": read.name, "end_s": read.end_s, "steps": steps})
            return
        click.echo(f"{read.name}: {len(read.steps)} steps, over after {read.end_s:g} s of box time")
        for step in read.steps:
            click.echo(f"{step.at_s:>9.1f} s  {step.action}")
        return
    from device.card import Box
    from device.load import progress
    from device.play import Player

    with Box.open() as box, progress(read.end_s, read.name) as watch:
        player = Player(box, click.echo, watch)
        player.run(read)
    if player.errors:
        raise click.exceptions.Exit(player.errors[0].exit_status)
