"""Completion scripts for shells."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

__all__ = ["completion"]

_VARIABLE = "_GAUDI_BOX_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a SHELL.

    \b
    Examples:
      eval "$(gaudi-box completion bash)"                                  in ~/.bashrc
      eval "$(gaudi-box completion zsh)"                                   in ~/.zshrc
      gaudi-box completion fish > ~/.config/fish/completions/gaudi-box.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    complete = kind(ctx.find_root().command, {}, "gaudi-box", _VARIABLE)
    # Not source(), which starts a shell only to look at its version.
    click.echo(complete.source_template % complete.source_vars())
