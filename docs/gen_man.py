"""Renews docs/man/gaudi-box.1 from the commands themselves: `python docs/gen_man.py`."""

from __future__ import annotations

import inspect
from pathlib import Path

import click

from device.cli import CONTEXT, gaudi_box

PAGE = Path(__file__).parent / "man" / "gaudi-box.1"

HEAD = """.TH GAUDI\\-BOX 1 "" "gaudi-box" "User Commands"
.SH NAME
gaudi-box \\- make and control emulated Gaudi servers
.SH SYNOPSIS
\\fBgaudi-box\\fR \\fIcommand\\fR [\\fIoptions\\fR] [\\fIarguments\\fR]
.SH DESCRIPTION
The emulator's own controls. Most programs need none of them: the first one that looks for a card makes the default box.
Cards are written 3, 0,2, 0-3 or all; times 90s, 10m, 1.5h.
"""
TAIL = """.SH ENVIRONMENT
.TP
\\fBGAUDI_BOX\\fR
The box that is meant: a name, or an absolute path.
.TP
\\fBGAUDI_BOX_TYPE\\fR
The built-in server that the default box is made of.
.SH EXIT STATUS
0 done; 2 usage; 3 a file of facts; 4 the box; 5 a graph; 6 a recipe; 7 somebody else holds the card;
8 out of device memory; 9 the card was reset; 10 the card is lost; 11 a launch; 130 interrupted.
.SH SEE ALSO
\\fBhl-smi\\fR(1), \\fBhl_qual\\fR(1)
"""


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in escaped.splitlines())


def _paragraphs(help_text: str) -> str:
    parts = []
    for block in inspect.cleandoc(help_text).split("\n\n"):
        block = block.strip("\n")
        if block.startswith("\b"):
            parts.append(f".nf\n{_roff(block.removeprefix(chr(8)).strip(chr(10)))}\n.fi\n")
        else:
            parts.append(_roff(" ".join(block.split())) + "\n")
    return ".PP\n".join(parts)


def _parameter(ctx: click.Context, parameter: click.Parameter) -> str:
    record = parameter.get_help_record(ctx)
    return "" if record is None else f".TP\n\\fB{_roff(record[0])}\\fR\n{_roff(' '.join(record[1].split()))}\n"


def section(name: str, command: click.Command) -> str:
    ctx = click.Context(command, info_name=f"gaudi-box {name}", help_option_names=CONTEXT["help_option_names"])
    usage = " ".join(command.collect_usage_pieces(ctx))
    parameters = "".join(_parameter(ctx, each) for each in command.get_params(ctx))
    return f".SS gaudi\\-box {_roff(name)} {_roff(usage)}\n{_paragraphs(command.help or '')}{parameters}"


def page() -> str:
    commands = sorted(gaudi_box.commands.items())
    return HEAD + ".SH COMMANDS\n" + "".join(section(name, command) for name, command in commands) + TAIL


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
