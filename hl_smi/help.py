"""The text of -h, made from the same tables that `argv` reads. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from hl_smi.fields import FIELDS
from hl_smi.switches import COMMANDS, EVENTS_SWITCHES, SWITCHES, TOPO_SWITCHES, Argument, Switch

__all__ = ["help_text"]

_WIDTH = 100
_PURPOSE_COLUMN = 42

_HEAD = """\
usage: hl-smi [options]
       hl-smi -q [-d <type>] [-i <aip>]
       hl-smi -Q <fields> [-f csv[,noheader][,nounits]] [-l [seconds]]
       hl-smi -n ports|link|stats [-i <aip>] [-P <p,p,...>]
       hl-smi --query-compute-apps <fields> [-f csv[,noheader][,nounits]]
       hl-smi topo [-c] [-N] [-m]
       hl-smi dmon [-i <aip>]
       hl-smi stream [-i <aip>] [-l [seconds]] [--count <n>]
       hl-smi top [-i <aip>]
       hl-smi events [-i <aip>] [--past] [--no-follow]

Shows the AIPs (Gaudi cards) of an emulated server. Without options: the table of all AIPs.
Long options may be shortened as long as they stay unique; --name=value is --name value.
"""

_TAIL = """\
environment:
  GAUDI_BOX               the box to show; default: the box named default
  ENABLE_CONSOLE          false: print nothing
  HABANA_LOGS             a writable directory: append the output to hl-smi_log.txt there
  HABANA_VISIBLE_DEVICES  comma list of indices: show only these AIPs; empty: none

exit status:
  0  done; also when the reader of the output goes away
  1  no AIPs, driver not loaded, a failing card or file, a word on the command line that
     does not fit
  A loop ends quietly by SIGINT or SIGTERM, which a shell reports as 130 or 143.
"""


def help_text() -> str:
    """The whole help, with a newline at the end."""
    return "\n".join(
        (
            _HEAD,
            "commands:\n" + "".join(_entry(f"  {name}", purpose) for name, purpose in COMMANDS.items()),
            "options:\n" + _switches(SWITCHES),
            "topo:\n" + _switches([switch for switch in TOPO_SWITCHES if switch not in SWITCHES]),
            "events:\n" + _switches([switch for switch in EVENTS_SWITCHES if switch not in SWITCHES]),
            "fields of -Q:\n" + _fields(),
            _TAIL,
        )
    )


def _switches(switches: Sequence[Switch]) -> str:
    return "".join(_entry(_usage(switch), switch.purpose) for switch in switches)


def _usage(switch: Switch) -> str:
    letter = f"-{switch.letter}" if switch.letter else "  "
    comma = "," if switch.letter and switch.names else " "
    names = ", ".join(f"--{name}" for name in switch.names)
    metavar = "" if switch.argument is Argument.NONE else f" {switch.metavar}"
    return f"  {letter}{comma} {names}{metavar}"


def _entry(usage: str, purpose: str) -> str:
    lines = textwrap.wrap(purpose, _WIDTH - _PURPOSE_COLUMN)
    indent = " " * _PURPOSE_COLUMN
    if len(usage) >= _PURPOSE_COLUMN:
        return "\n".join([usage, *(indent + line for line in lines)]) + "\n"
    first, *rest = lines
    return "\n".join([usage.ljust(_PURPOSE_COLUMN) + first, *(indent + line for line in rest)]) + "\n"


def _fields() -> str:
    names = [field.name if field.unit is None else f"{field.name} [{field.unit}]" for field in FIELDS.values()]
    return "".join(f"  {name}\n" for name in names)
