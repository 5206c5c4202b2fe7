"""The commands `gaudi-box rdma` and `gaudi-box link`: words and output; rdma_command.py and link_command.py work."""

from __future__ import annotations

import json

import click

__all__ = ["link", "rdma"]


@click.command()
@click.option("--from", "source", required=True, help="Card and, if it matters, port: 0 or 0:13.")
@click.option("--to", "destination", help="Card or card:port, or 'loopback'; else where the cable leads.")
@click.option("--op", type=click.Choice(["write", "read", "send"]), default="write", show_default=True, help="Verb.")
@click.option("--size", type=click.IntRange(1, 1 << 30), default=1 << 20, show_default=True, help="Bytes a message.")
@click.option("--count", type=click.IntRange(1, 100_000), default=64, show_default=True, help="Messages.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rdma(source: str, destination: str | None, op: str, size: int, count: int, as_json: bool) -> None:
    """Send RDMA messages over a link and say how fast, how late and how sound they came.

    \b
    Examples:
      gaudi-box rdma --from 0:13
      gaudi-box rdma --from 0 --to 5 --op read
      gaudi-box rdma --from 3:10 --to loopback --size 4096
    """
    from dataclasses import asdict

    from device.rdma_command import render_run, run_rdma

    run = run_rdma(source, destination, op, size, count)
    click.echo(json.dumps({"schema": 1, "emulated": True, **asdict(run)}, indent=2) if as_json else render_run(run))


@click.command()
@click.argument("cards", default="all")
@click.argument("ports", default="all")
@click.argument("state", type=click.Choice(["up", "down"]), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def link(cards: str, ports: str, state: str | None, as_json: bool) -> None:
    """Show the links of CARDS (0,2-4 or all) at PORTS (3,10, internal, external or all), or set them up or down.

    A cable has one state, so the port at its other end changes too. An external port that is up is one with a loopback
    plug. What a fault took down comes back by `gaudi-box heal`.

    \b
    Examples:
      gaudi-box link 0
      gaudi-box link all external up
      gaudi-box link 3 10 down
    """
    from device.link_command import links_of, render_links, set_links

    if state is not None:
        set_links(cards, ports, state == "up")
    found = links_of(cards, ports)
    click.echo(
        json.dumps({"schema": 1, "emulated": True, "links": found}, indent=2) if as_json else render_links(found)
    )
