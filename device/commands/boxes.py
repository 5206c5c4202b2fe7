"""Making, finding, listing and ending boxes, their driver and their clock."""

from __future__ import annotations

import dataclasses
import grp
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from device.box_control import (
    BoxPlace,
    create_box,
    find_place,
    is_driver_loaded,
    purge_box,
    retire_box,
    set_driver,
    system_path,
)
from device.box_spec import BoxSpec, box_types, find_release, load_box_spec, load_releases, read_box_spec
from device.commands.common import echo_json, seconds
from device.errors import BoxError
from device.table import render_table

__all__ = ["clock", "down", "driver", "list_boxes", "show", "up", "which"]

# From this many boxes on, making them takes long enough for a bar.
_BAR_FROM = 8


def _complete_template(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    names = [CompletionItem(name) for name in box_types() if name.startswith(incomplete)]
    return names or [CompletionItem(incomplete, type="file")]


def _complete_release(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in load_releases() if name.startswith(incomplete)]


def _group(name: str | None) -> int | None:
    if name is None:
        return None
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise BoxError(f"there is no group {name!r}; name one of those that `getent group` lists") from None


def _changed(spec: BoxSpec, release: str | None, key: str | None) -> BoxSpec:
    if release is not None:
        spec = dataclasses.replace(spec, release=find_release(release))
    return spec if key is None else dataclasses.replace(spec, key=key)


def _wanted(template: str, name: str | None, release: str | None, key: str | None) -> list[tuple[str | None, BoxSpec]]:
    """Names and servers of one template, one file or a whole fleet."""
    from device.fleet import is_fleet, read_fleet

    if not (template.endswith(".toml") or "/" in template):
        return [(name, _changed(load_box_spec(template), release, key))]
    path = Path(template)
    if not is_fleet(path):
        return [(name, _changed(read_box_spec(path), release, key))]
    if name is not None:
        raise click.UsageError("--name does not go with a fleet file, whose boxes have names of their own")
    return [(box.name, _changed(box.spec, release, key)) for box in read_fleet(path)]


@click.command()
@click.argument("template", default="hls2", shell_complete=_complete_template)
@click.option("--name", help="Name of the box; without it the one that the environment means.")
@click.option("--release", shell_complete=_complete_release, help="Release of driver and tools, 1.4 to 1.24.")
@click.option("--key", help="Seed of serial numbers, UUIDs, MACs and the differences between cards.")
@click.option("--system", is_flag=True, help="A box for all users, under /run/gaudi (root only).")
@click.option("--group", help="With --system: the group that may use and change the box.")
@click.option("--list", "list_types", is_flag=True, help="List the built-in servers and end.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def up(
    template: str,
    name: str | None,
    release: str | None,
    key: str | None,
    system: bool,
    group: str | None,
    list_types: bool,
    as_json: bool,
) -> None:
    """Make a box from a built-in TEMPLATE or a TOML file, or all boxes of a fleet file; one that is up is replaced.

    A box whose cards are in use is replaced too: whoever holds them gets an error, as when a server is switched off.
    What cards never forget (aggregate error counters, replaced rows, reset counts) is there again.

    \b
    Examples:
      gaudi-box up                             an HLS2 where the environment means
      gaudi-box up hls3 --name lab --release 1.22
      gaudi-box up hls2 --key "$(hostname)"    other serial numbers on every host
      gaudi-box up my-rack.toml --name rack    your own server, see docs/boxes.md
      gaudi-box up fleet.toml                  many at once
      gaudi-box up --list                      the built-in ones
    """
    if list_types:
        _list_types(as_json)
        return
    if group is not None and not system:
        raise click.UsageError("--group goes with --system")
    wanted = _wanted(template, name, release, key)
    group_id = _group(group)
    documents = []
    for box_name, spec in _with_bar(wanted, as_json):
        place = find_place(box_name)
        path = system_path(place.name) if system else place.path
        create_box(path, spec, place.name, group_id)
        document = {"name": place.name, "path": str(path), "type": spec.type, "cards": len(spec.cards)}
        documents.append({**document, "release": spec.release.name, "key": spec.key})
        if not as_json:
            click.echo(
                f"box {place.name} is up at {path}: {spec.type}, {len(spec.cards)} cards, release {spec.release.name}"
            )
    if as_json:
        echo_json(documents)


def _with_bar(wanted: list[tuple[str | None, BoxSpec]], as_json: bool) -> Iterator[tuple[str | None, BoxSpec]]:
    stream = sys.stderr
    if len(wanted) < _BAR_FROM or as_json or not stream.isatty():
        yield from wanted
        return
    with click.progressbar(wanted, label="boxes", file=stream) as bar:
        yield from bar


def _list_types(as_json: bool) -> None:
    specs = [load_box_spec(name) for name in box_types()]
    if as_json:
        echo_json([{"type": s.type, "card": s.card, "cards": len(s.cards), "release": s.release.name} for s in specs])
        return
    rows = [(s.type, s.card, len(s.cards), s.release.name) for s in specs]
    click.echo(render_table(("template", "card", "cards", "release"), rows))


def _existing(name: str | None) -> BoxPlace:
    place = find_place(name)
    if not place.exists:
        raise BoxError(f"there is no box {place.name} at {place.path}; `gaudi-box which` says where one is looked for")
    return place


@click.command()
@click.argument("fleet", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--name", help="Name of the box; without it the one that the environment means.")
@click.option("--purge", is_flag=True, help="Forget error counters, replaced rows, reset counts and boot faults too.")
@click.option("--unload", is_flag=True, help="Only unload its driver: programs get DRIVER_NOT_LOADED.")
def down(fleet: Path | None, name: str | None, purge: bool, unload: bool) -> None:
    """Take a box down, or all boxes of a FLEET file. Programs that look at it get an error instead of frozen values.

    What cards never forget stays beside the box and is there again after the next `up`; --purge makes them new.

    \b
    Examples:
      gaudi-box down
      gaudi-box down --name lab --purge
      gaudi-box down fleet.toml
      gaudi-box down --unload && gaudi-box driver load
    """
    from device.fleet import read_fleet

    if unload and (purge or fleet):
        raise click.UsageError("--unload leaves the box where it is; it goes with neither --purge nor a fleet file")
    names = [name] if fleet is None else [box.name for box in read_fleet(fleet)]
    for each in names:
        place = find_place(each)
        if unload:
            set_driver(_existing(each).path, False)
            click.echo(f"the driver of box {place.name} is unloaded; `gaudi-box driver load` loads it")
            continue
        if place.exists or not purge:
            retire_box(_existing(each).path)
            click.echo(f"box {place.name} is down")
        if purge:
            purge_box(place.path)


@click.command()
@click.argument("what", type=click.Choice(["load", "unload", "status"]), default="status")
@click.option("--name", help="Name of the box; without it the one that the environment means.")
def driver(what: str, name: str | None) -> None:
    """Load or unload the driver of a box, as modprobe and rmmod do; or say whether it is loaded.

    Unloading is refused while a process holds a card. Loading begins the volatile counters anew.

    \b
    Examples:
      gaudi-box driver unload        hl-smi now says that the driver is not loaded
      gaudi-box driver load
    """
    place = _existing(name)
    if what != "status":
        set_driver(place.path, what == "load")
    state = "loaded" if is_driver_loaded(place.path) else "not loaded"
    click.echo(f"the driver of box {place.name} is {state}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def which(as_json: bool) -> None:
    """Say which box programs of this environment use, and why.

    \b
    Example:
      GAUDI_BOX=lab gaudi-box which
    """
    place = find_place()
    if as_json:
        document = {"path": str(place.path), "name": place.name, "reason": place.reason, "exists": place.exists}
        echo_json({**document, "hides": str(place.hidden) if place.hidden else None})
        return
    click.echo(f"{place.path}\n  because {place.reason}{_existence(place)}")
    if place.hidden:
        click.echo(f"warning: it hides the box at {place.hidden}", err=True)


def _existence(place: BoxPlace) -> str:
    if place.exists:
        return ""
    if place.is_implicit:
        return "; it does not exist yet, the first program makes it"
    return "; it does not exist, make it with `gaudi-box up`"


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_boxes(as_json: bool) -> None:
    """List the boxes that this user has, and those of the system.

    \b
    Example:
      gaudi-box list --json
    """
    from device.show import all_boxes

    documents = all_boxes()
    if as_json:
        echo_json(documents)
        return
    titles = ("name", "type", "cards", "release", "driver", "clock", "path")
    rows = [[document[title] for title in titles] for document in documents]
    click.echo(render_table(titles, rows) if rows else "there is no box; `gaudi-box up` makes one")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(as_json: bool) -> None:
    """Show the cards of the box, with what HLML does not carry: activity, dilation, faults, holders.

    \b
    Examples:
      gaudi-box show
      gaudi-box show --json
    """
    from device.show import box_document, render_box

    document = box_document()
    if as_json:
        echo_json(document)
    else:
        click.echo(render_box(document))


@click.command()
@click.option("--rate", type=float, help="Box seconds per second, 0 to 3600; 1 is normal.")
@click.option("--freeze", is_flag=True, help="Stop the clock: every reader then sees the same bytes.")
@click.option("--run", is_flag=True, help="Run at the normal rate.")
@click.option("--step", help="Let this much time pass at once: 90s, 10m, 1.5h.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def clock(rate: float | None, freeze: bool, run: bool, step: str | None, as_json: bool) -> None:
    """Show or set the clock of the box, which physics, events and durations obey.

    \b
    Examples:
      gaudi-box clock --step 10m       ten minutes pass at once
      gaudi-box clock --rate 60        a minute a second
      gaudi-box clock --freeze         every reader sees the same; --run ends it
    """
    from device.card import Box

    if sum((rate is not None, freeze, run)) > 1:
        raise click.UsageError("--rate, --freeze and --run exclude each other")
    wanted = 0.0 if freeze else 1.0 if run else rate
    if wanted is not None and not 0.0 <= wanted <= 3600.0:
        raise click.BadParameter(f"a clock rate lies between 0 and 3600, not {wanted:g}")
    with Box.open() as box:
        if wanted is not None or step is not None:
            box.set_clock(wanted, round(seconds(step) * 1e9) if step else 0)
        if as_json:
            echo_json({"box_time_ns": box.now_ns(), "boot_ns": box.boot_ns, "rate": box.clock_rate})
        else:
            click.echo(f"box time {box.now_ns() / 1e9:.3f} s, rate {box.clock_rate:g}")
