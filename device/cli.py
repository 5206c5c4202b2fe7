"""gaudi-box: the emulator's own controls. The vendor's tools know nothing of it.

Parses, calls one function a command, prints. Exit statuses: 0 done, 2 usage, else that of the error (device/errors.py).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from device.commands import boxes, fabric, faults, scenario, shell
from device.commands.common import ProposingGroup
from device.commands.common import card_numbers as _cards
from device.commands.common import seconds as _seconds
from device.errors import DeviceError

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=ProposingGroup, context_settings=CONTEXT)
def gaudi_box() -> None:
    """Make and control emulated Gaudi servers.

    Most programs need none of this: the first one that looks for a card makes the default box, an HLS2 with eight
    HL-225. $GAUDI_BOX (a name or an absolute path) chooses another box.

    \b
    Examples:
      gaudi-box up --name lab && export GAUDI_BOX=lab
      gaudi-box load 0-3 --for 60          cards 0 to 3 draw full power for a minute
      gaudi-box inject 3 mme-bitflip       card 3 computes wrong from now on
      gaudi-box clock --step 10m           ten minutes pass at once
      gaudi-box play heatwave.toml         loads, faults and heals on a time line
    """


for _command in (
    boxes.up,
    boxes.down,
    boxes.driver,
    boxes.which,
    boxes.list_boxes,
    boxes.show,
    boxes.clock,
    faults.inject,
    faults.heal,
    faults.reset,
    faults.dmesg,
    scenario.play,
    fabric.link,
    fabric.rdma,
    shell.completion,
):
    gaudi_box.add_command(_command)


@gaudi_box.command()
@click.argument("cards", default="all")
@click.option("--gemm", default="8192x8192x8192", show_default=True, help="Shape MxNxK of the bf16 GEMM.")
@click.option("--for", "duration", default="10s", show_default=True, help="How long, in box time: 90s, 10m, 1.5h.")
def load(cards: str, gemm: str, duration: str) -> None:
    """Keep CARDS (3, 0,2, 0-3 or all) busy with a compiled GEMM that is paced, not computed (model mode).

    \b
    Examples:
      gaudi-box load                        all cards for ten seconds
      gaudi-box load 0-3 --for 10m --gemm 4096x4096x4096
    """
    from device.load import parse_gemm, run_load

    run_load(_cards(cards), parse_gemm(gemm), _seconds(duration))


@gaudi_box.command()
@click.argument("operation", type=click.Choice(["gemm", "batch_gemm", "convolution", "graph", "recipe"]))
@click.argument("what")
@click.argument("dtype", default="bf16")
@click.option("--chip", type=click.Choice(["gaudi2", "gaudi3"]), default="gaudi2", show_default=True, help="The ASIC.")
@click.option("--clock", "clock_ratio", type=click.FloatRange(0, 1, min_open=True), default=1.0, show_default=True,
              help="For a graph or a recipe: share of the full SoC clock.")  # fmt: skip
@click.option("--dump", help="For a graph: print it after this pass, or after 'all' of them.")
@click.option("--skip", multiple=True, help="For a graph: leave out this optional pass; may be repeated.")
def explain(
    operation: str, what: str, dtype: str, chip: str, clock_ratio: float, dump: str | None, skip: tuple[str, ...]
) -> None:
    """Explain the time of an OPERATION: geometries, cycles, bytes, bound, launch gap, clock, TFLOPS, basis.

    WHAT is a shape (gemm MxNxK, batch_gemm BxMxNxK, convolution NxHxWxC,KHxKWxF[,stride]), a file of
    device.graph.graph_to_json, or one of device.recipe.to_bytes. A graph is compiled: passes, bundles, SRAM plan, time
    line.

    \b
    Examples:
      gaudi-box explain gemm 4096x4096x4096 bf16 --chip gaudi2
      gaudi-box explain convolution 32x56x56x64,3x3x128
      gaudi-box explain graph layer.json --dump slice_bundles
    """
    from device.explain_command import explained

    click.echo(explained(operation, what, dtype, chip, clock_ratio, dump, skip), nl=False)


@gaudi_box.command()
@click.argument("template")
@click.option(
    "--sizes", default="256:16384", show_default=True, help="256,384 or 256:16384 (doubling) or 256:16384:256."
)
@click.option("--dtype", default="bf16", show_default=True, help="What the MME multiplies.")
@click.option("--chip", "chips", type=click.Choice(["gaudi2", "gaudi3"]), multiple=True, help="By default both.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="CSV file; without it to stdout.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="SVG picture of TFLOPS over size.")
def sweep(
    template: str, sizes: str, dtype: str, chips: tuple[str, ...], output: Path | None, plot: Path | None
) -> None:
    """What the cost model says to a gemm of many sizes, as CSV and a picture. The letter s in TEMPLATE is the size.

    \b
    Examples:
      gaudi-box sweep sxsxs -o square.csv --plot square.svg
      gaudi-box sweep 16xsx4096 --sizes 1024:65536 --chip gaudi2
    """
    from device.explain_command import swept

    text, picture = swept(template, sizes, dtype, chips or ("gaudi2", "gaudi3"))
    for path, content in ((output, text), (plot, picture)):
        try:
            if path is not None:
                path.write_text(content, encoding="utf-8")
        except OSError as error:
            raise click.FileError(str(path), error.strerror or "cannot be written") from error
    if output is None:
        click.echo(text, nl=False)


@gaudi_box.command()
@click.argument("recipe", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--gemm", help="Instead of a recipe: a bf16 gemm of the shape MxNxK or BxMxNxK.")
@click.option(
    "--chip", type=click.Choice(["gaudi2", "gaudi3"]), default="gaudi2", show_default=True, help="For --gemm."
)
@click.option("--clock", "clock_ratio", type=click.FloatRange(0, 1, min_open=True), default=1.0, show_default=True,
              help="Share of the full SoC clock.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The JSON file.")
def trace(recipe: Path | None, gemm: str | None, chip: str, clock_ratio: float, output: Path) -> None:
    """Write the time line of one launch, in device time, for ui.perfetto.dev or chrome://tracing; print a summary.

    RECIPE is a file of device.recipe.to_bytes. Nothing is executed: the times are those of the cost model.

    \b
    Example:
      gaudi-box trace --gemm 4096x4096x4096 -o gemm.json
    """
    from device.graph.explain_gemm import parse_shape
    from device.graph.gemm_recipe import gemm_recipe
    from device.recipe import from_bytes, launch_cost
    from device.recipe.trace import render_summary, trace_json
    from device.spec import load_spec

    if (recipe is None) == (gemm is None):
        raise click.UsageError("name a recipe, or a shape with --gemm")
    loaded = from_bytes(recipe.read_bytes()) if recipe else gemm_recipe(parse_shape(gemm or ""), load_spec(chip))
    cost = launch_cost(loaded, load_spec(loaded.asic), clock_ratio)
    try:
        output.write_text(trace_json(loaded, cost), encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(output), error.strerror or "cannot be written") from error
    click.echo(render_summary(loaded, cost), nl=False)


@gaudi_box.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--follow", is_flag=True, help="Keep the files up to date until ^C; then remove them.")
@click.option("--for", "duration", help="With --follow: end after this time: 90s, 10m, 1.5h.")
@click.option("--devices", help="Only these cards: 3, 0,2, 0-3 or all.")
def sysfs(directory: Path, follow: bool, duration: str | None, devices: str | None) -> None:
    """Write the driver's files (/sys, hwmon) of the box below DIRECTORY, and print how containers mount them.

    \b
    Example:
      gaudi-box sysfs /srv/gaudi --follow
    """
    from device.sysfs.command import run_sysfs

    if duration is not None and not follow:
        raise click.UsageError("--for goes with --follow")
    only = frozenset(_cards(devices)) if devices is not None else None
    run_sysfs(directory, follow, _seconds(duration) if duration else None, only or None)


@gaudi_box.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--devices", help="Only these cards: 3, 0,2, 0-3 or all; without it as HABANA_VISIBLE_DEVICES says.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_(devices: str | None, command: tuple[str, ...]) -> int:
    """Run COMMAND with library, tools, /sys, hwmon and /dev/accel of the box at their real paths.

    Only COMMAND and its children see them; its exit status is passed on. Put -- before a COMMAND with options.

    \b
    Examples:
      gaudi-box exec -- sensors
      gaudi-box exec --devices 0,3 -- python train.py
    """
    from device.exec.run import run_exec

    return run_exec(command, None if devices is None else _cards(devices))


@gaudi_box.command()
@click.option("--root", type=click.Path(path_type=Path), default=Path("/"), show_default=True,
              help="Where: this machine, or the root of an image.")  # fmt: skip
@click.option("--prefix", default="/usr", show_default=True,
              help="/usr: the paths of a real server; another one holds everything.")  # fmt: skip
@click.option("--python", help="Interpreter that the tools start with; default: the one below this environment.")
@click.option("--remove", is_flag=True, help="Take away what was installed and nobody changed.")
def install(root: Path, prefix: str, python: str | None, remove: bool) -> None:
    """Place library, header, tools, manual and the qual tree where programs and runbooks look for the real ones.

    A file that is there and not of ours ends the run before anything is written. A manifest with hashes remembers
    what was placed.

    \b
    Examples:
      gaudi-box install --root image                 the tree of a container image
      sudo gaudi-box install --prefix /usr/local     this machine, below /usr/local
      sudo gaudi-box install --remove --prefix /usr/local
    """
    from pathlib import PurePosixPath

    from device.install.command import Target, install_below, remove_below

    if not prefix.startswith("/") or ".." in Path(prefix).parts:
        raise click.BadParameter(f"{prefix!r} is no absolute path", param_hint="--prefix")
    target = Target(root, PurePosixPath(prefix))
    if not remove:
        click.echo(f"{install_below(target, python).count} files are installed below {root} with prefix {prefix}")
        return
    outcome = remove_below(target)
    for path in outcome.kept:
        click.echo(f"kept {path}: it was changed", err=True)
    click.echo(f"{outcome.count} files removed below {root}")


def main(argv: Sequence[str] | None = None) -> int:
    """The entry point: every error is one line and an exit status."""
    try:
        words = None if argv is None else list(argv)
        code = gaudi_box.main(args=words, prog_name="gaudi-box", standalone_mode=False)
    except click.ClickException as error:
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "gaudi-box"
        click.echo(f"gaudi-box: {error.format_message()} ({command} --help shows the usage)", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except DeviceError as error:
        click.echo(f"gaudi-box: {error}", err=True)
        return error.exit_status
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    return code if isinstance(code, int) else 0  # of click.exceptions.Exit
