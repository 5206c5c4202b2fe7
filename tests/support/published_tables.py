"""The published tables of hl-smi, read back into the values that they show."""

from __future__ import annotations

import re
from pathlib import Path

from hl_smi.query.table import CardRow, ProcessRow, Table
from hl_smi.query.units import memory_percent

__all__ = ["TITLES", "parsed_table", "published", "repaired"]

_FILE = Path(__file__).parents[1] / "hl_smi/golden/tables.txt"
_HEADER = re.compile(r"^\| (HL-SMI|Driver|Nic Driver) Version: +(\S+) +\|$", re.MULTILINE)
_CARD = re.compile(
    r"^\| +(?P<index>\d+)  (?P<name>\S+) +N/A  \| (?P<bus>\S+) +N/A \| +(?P<errors>\d+)  \|\n"
    r"\| N/A +(?P<temp>\d+)C   (?P<perf>\S+) +(?P<power>\d+)W / +(?P<cap>\d+)W +\| *(?P<used>\d+)Mi[Bb]"
    r" / +(?P<total>\d+)Mi[Bb] \| +(?P<util>\d+)% +(?P<share>\S+) ?\|$",
    re.MULTILINE,
)
_NO_PROCESS = re.compile(r"^\| +(\d+)        N/A   N/A    N/A +N/A +\|$")
_PROCESS = re.compile(r"^\| +(\d+) {7}(\d+)     C   (\S+) +(\d+)Mi[bB] *$")
_PROCESS_16 = "|   1       2006754     C   python\n                                 31742Mib\n"
# Deliberate: the row on one line, its usage in the column of the heading, and its bar.
_PROCESS_16_HERE = "|   1       2006754     C   python                                 31742Mib   |\n"
TITLES = (
    "gaudi 1.4.1",
    "gaudi 1.6.0",
    "gaudi2 1.12.1",
    "gaudi2 1.14.0",
    "gaudi2 1.15.1",
    "gaudi2 1.16.0",
    "gaudi2 1.17.1",
    "gaudi3 1.18.0",
    "gaudi2 1.20.0",
    "gaudi3 1.21.0",
    "gaudi2 1.21.1",
    "gaudi2 1.22.1",
    "gaudi2e 1.23.0",
)


def parsed_table(text: str) -> Table:
    """The values of a published table."""
    versions = dict(_HEADER.findall(text))
    processes = []
    for line in text.replace("python\n", "python ").split("\n"):
        if match := _NO_PROCESS.match(line):
            processes.append(ProcessRow(int(match[1])))
        if match := _PROCESS.match(line):
            processes.append(ProcessRow(int(match[1]), int(match[2]), match[3], int(match[4])))
    return Table(
        tool_version=versions["HL-SMI"],
        driver_version=versions["Driver"],
        nic_driver_version=versions.get("Nic Driver", ""),
        cards=tuple(parsed_card(match) for match in _CARD.finditer(text)),
        processes=tuple(processes),
    )


def parsed_card(match: re.Match[str]) -> CardRow:
    number = {key: int(match[key]) for key in ("index", "errors", "temp", "power", "cap", "used", "total", "util")}
    share = memory_percent(number["used"], number["total"])
    assert match["share"] in ("N/A", f"{share}%")
    return CardRow(
        index=number["index"],
        name=match["name"],
        bus_id=match["bus"],
        uncorrected_errors=number["errors"],
        temp_c=number["temp"],
        performance_state=0 if match["perf"] == "P0" else None,
        power_w=number["power"],
        cap_w=number["cap"],
        used_mib=number["used"],
        total_mib=number["total"],
        memory_percent=share,
        utilization_percent=number["util"],
    )


def repaired(text: str) -> str:
    """The published text with the documented repairs: process rows on one line, closed by their bar."""
    lines = text.replace(_PROCESS_16, _PROCESS_16_HERE).split("\n")
    return "\n".join(line.rstrip().ljust(78) + "|" if _PROCESS.match(line) else line for line in lines)


def published(title: str) -> tuple[list[str], str]:
    """Words of the line that introduces a table, and the table."""
    for part in _FILE.read_text(encoding="ascii").split("# ")[1:]:
        line, text = part.split("\n", 1)
        if line.startswith(f"{title} "):
            return line.split(), text
    raise KeyError(title)
