"""The tables of switches: what `argv` and `subcommands` accept and what `help` lists. Data only.

Two long names of one switch are the vendor's old and new spellings (--power-limit became --power-max). Switches of our
own are marked: a prefix that the vendor's options know never means one of them.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = [
    "COMMANDS",
    "CSV_MODIFIERS",
    "DMON_SWITCHES",
    "EVENTS_SWITCHES",
    "NIC_VIEWS",
    "PROCESS_FIELDS",
    "ROW_FIELDS",
    "SECTIONS",
    "SHELLS",
    "STREAM_SWITCHES",
    "SWITCHES",
    "TOPO_SWITCHES",
    "TOP_SWITCHES",
    "Argument",
    "Switch",
]

SECTIONS = ("PRODUCT", "POWER", "CLOCK", "TEMPERATURE", "FAN", "BUS", "MEMORY", "NET", "ROW_REPLACEMENT")
NIC_VIEWS = ("ports", "link", "stats")
CSV_MODIFIERS = ("noheader", "nounits")
ROW_FIELDS = ("uuid", "replaced_rows.address", "replaced_rows.cause", "replaced_rows.pending")
PROCESS_FIELDS = ("index", "bus_id", "module_id", "uuid", "name", "pid", "process_name", "type", "used_memory")
SHELLS = ("bash", "zsh", "fish")


class Argument(enum.Enum):
    """Whether a switch takes an argument. OPTIONAL: a number, glued or as the next word."""

    NONE = "none"
    REQUIRED = "required"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch. `key` is how `argv` names it; `letter` or `names` may be empty, not both.

    `is_extension`: the vendor's tool does not have it.
    """

    key: str
    letter: str
    names: tuple[str, ...]
    argument: Argument
    metavar: str
    purpose: str
    is_extension: bool = False

    @property
    def spelling(self) -> str:
        """How messages name it: -L/--list-aips."""
        letters = (f"-{self.letter}",) if self.letter else ()
        return "/".join(letters + tuple(f"--{name}" for name in self.names))


def _own(key: str, letter: str, argument: Argument, metavar: str, purpose: str) -> Switch:
    return Switch(key, letter, (key,), argument, metavar, purpose, is_extension=True)


_HELP = Switch("help", "h", ("help",), Argument.NONE, "", "print this help")
_DEBUG = Switch("debug", "D", (), Argument.NONE, "", "say on standard error which emulated box answers")
_DEVICE = Switch("device", "i", ("device",), Argument.REQUIRED, "<aip>",
                 "one AIP: PCI address (0000:43:00.0 or 43:00.0), index, UUID, serial number, module:<n>")  # fmt: skip
_LOOP = Switch("loop", "l", ("loop",), Argument.OPTIONAL, "[seconds]", "repeat; default 5")
_LOOP_MS = _own("loop-ms", "", Argument.REQUIRED, "<ms>", "repeat every so many milliseconds, 1 or more")
_COUNT = _own("count", "", Argument.REQUIRED, "<n>", "with -l or --loop-ms: end after n times")
_JSON = _own("json", "", Argument.NONE, "", "print JSON; one line each time when it repeats")
_OUTPUT = _own("output", "o", Argument.REQUIRED, "<file>", "append to the file instead of printing")

SWITCHES = (
    Switch("list", "L", ("list-aips",), Argument.NONE, "", "report of all AIPs"),
    Switch("query", "q", ("query",), Argument.NONE, "", "report of all AIPs, or of the one of -i"),
    Switch("display", "d", ("display",), Argument.REQUIRED, "<type>", "with -q: one section of " + ", ".join(SECTIONS)
           + "; with -Q and -l: run time in seconds, 0 = forever"),
    _DEVICE,
    Switch("query-aip", "Q", ("query-aip", "query-gpu"), Argument.REQUIRED, "<fields>", "comma list of fields, as CSV"),
    Switch("format", "f", ("format",), Argument.REQUIRED, "csv[,noheader][,nounits]", "form of the CSV"),
    _LOOP,
    Switch("fw-versions", "", ("fw-versions",), Argument.NONE, "", "versions of the firmware components"),
    Switch("nic", "n", ("nic",), Argument.REQUIRED, "<view>", "network ports: " + ", ".join(NIC_VIEWS)),
    Switch("ports", "P", (), Argument.REQUIRED, "<p,p,...>", "with -n: only these ports"),
    Switch("reset-aip", "r", ("reset-aip",), Argument.NONE, "", "reset the AIP of -i; owner of the box or root"),
    Switch("power-max", "p", ("power-max", "power-limit"), Argument.REQUIRED, "<watts>",
           "set the power limit (54 V); owner of the box or root"),
    Switch("query-row-replacement", "", ("query-row-replacement",), Argument.REQUIRED, "<types>",
           "a CSV row for each replaced row of HBM; types: " + ", ".join(ROW_FIELDS)),
    _own("query-compute-apps", "", Argument.REQUIRED, "<fields>",
         "a CSV row for each process; fields: " + ", ".join(PROCESS_FIELDS)),
    Switch("version", "v", ("version",), Argument.NONE, "", "print the version"),
    _HELP,
    _DEBUG,
    _JSON,
    _LOOP_MS,
    _COUNT,
    _OUTPUT,
    _own("help-query-aip", "", Argument.NONE, "", "explain the fields of -Q"),
    _own("completion", "", Argument.REQUIRED, "<shell>", "print the completion script for " + ", ".join(SHELLS)),
)  # fmt: skip

TOPO_SWITCHES = (
    Switch("cpus", "c", (), Argument.NONE, "", "CPU affinity"),
    Switch("numa", "N", (), Argument.NONE, "", "NUMA affinity"),
    Switch("matrix", "m", (), Argument.NONE, "", "links between the modules", is_extension=True),
    _JSON,
    _OUTPUT,
    _HELP,
    _DEBUG,
)

DMON_SWITCHES = (_DEVICE, _HELP, _DEBUG)

STREAM_SWITCHES = (_DEVICE, _LOOP, _LOOP_MS, _COUNT, _JSON, _OUTPUT, _HELP, _DEBUG)
TOP_SWITCHES = (_DEVICE, _LOOP_MS, _COUNT, _HELP, _DEBUG)
EVENTS_SWITCHES = (
    _DEVICE,
    _own("past", "", Argument.NONE, "", "begin with the events that the cards still remember"),
    _own("no-follow", "", Argument.NONE, "", "end after the past events"),
    _JSON,
    _OUTPUT,
    _HELP,
    _DEBUG,
)

# What stands before the switches, and what it is for.
COMMANDS = {
    "dmon": "open the consoles of the firmware and name them: ARC1:<pts>",
    "topo": "CPU and NUMA affinity; the links between the modules",
    "stream": "a line an AIP every second: power, clock, temperature, memory, use of the engines",
    "top": "the whole screen, live, with history; keys: q quit, s sort, f filter, arrows and pages scroll",
    "events": "follow the events that the AIPs post",
}
