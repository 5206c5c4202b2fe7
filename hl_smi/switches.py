"""The table of vendor switches: what `argv` accepts and what `help` lists. Data only.

Long names are the vendor's; two for one switch are old and new spellings (--power-limit became --power-max).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["CSV_MODIFIERS", "DMON_SWITCHES", "NIC_VIEWS", "SECTIONS", "SWITCHES", "TOPO_SWITCHES", "Argument", "Switch"]

SECTIONS = ("PRODUCT", "POWER", "CLOCK", "TEMPERATURE", "FAN", "BUS", "MEMORY", "NET", "ROW_REPLACEMENT")
NIC_VIEWS = ("ports", "link", "stats")
CSV_MODIFIERS = ("noheader", "nounits")


class Argument(enum.Enum):
    """Whether a switch takes an argument. OPTIONAL: a number, glued or as the next word."""

    NONE = "none"
    REQUIRED = "required"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch. `key` is how `argv` names it; `letter` or `names` may be empty, not both."""

    key: str
    letter: str
    names: tuple[str, ...]
    argument: Argument
    metavar: str
    purpose: str

    @property
    def spelling(self) -> str:
        """How messages name it: -L/--list-aips."""
        letters = (f"-{self.letter}",) if self.letter else ()
        return "/".join(letters + tuple(f"--{name}" for name in self.names))


_HELP = Switch("help", "h", ("help",), Argument.NONE, "", "print this help")
_DEBUG = Switch("debug", "D", (), Argument.NONE, "", "say on standard error which emulated box answers")
_DEVICE = Switch("device", "i", ("device",), Argument.REQUIRED, "<pci addr>", "one AIP only: 0000:43:00.0 or 43:00.0")

SWITCHES = (
    Switch("list", "L", ("list-aips",), Argument.NONE, "", "report of all AIPs"),
    Switch("query", "q", ("query",), Argument.NONE, "", "report of all AIPs, or of the one of -i"),
    Switch("display", "d", ("display",), Argument.REQUIRED, "<type>", "with -q: one section of " + ", ".join(SECTIONS)
           + "; with -Q and -l: run time in seconds, 0 = forever"),
    _DEVICE,
    Switch("query-aip", "Q", ("query-aip", "query-gpu"), Argument.REQUIRED, "<fields>", "comma list of fields, as CSV"),
    Switch("format", "f", ("format",), Argument.REQUIRED, "csv[,noheader][,nounits]", "form of the CSV"),
    Switch("loop", "l", ("loop",), Argument.OPTIONAL, "[seconds]", "repeat; default 5"),
    Switch("fw-versions", "", ("fw-versions",), Argument.NONE, "", "versions of the firmware components"),
    Switch("nic", "n", ("nic",), Argument.REQUIRED, "<view>", "network ports: " + ", ".join(NIC_VIEWS)),
    Switch("ports", "P", (), Argument.REQUIRED, "<p,p,...>", "with -n: only these ports"),
    Switch("reset-aip", "r", ("reset-aip",), Argument.NONE, "", "reset the AIP of -i; owner of the box or root"),
    Switch("power-max", "p", ("power-max", "power-limit"), Argument.REQUIRED, "<watts>",
           "set the power limit (54 V); owner of the box or root"),
    Switch("query-row-replacement", "", ("query-row-replacement",), Argument.REQUIRED, "<types>",
           "row replacement information (not supported yet)"),
    Switch("version", "v", ("version",), Argument.NONE, "", "print the version"),
    _HELP,
    _DEBUG,
)  # fmt: skip

TOPO_SWITCHES = (
    Switch("cpus", "c", (), Argument.NONE, "", "CPU affinity"),
    Switch("numa", "N", (), Argument.NONE, "", "NUMA affinity"),
    _HELP,
    _DEBUG,
)

DMON_SWITCHES = (_DEVICE, _HELP, _DEBUG)
