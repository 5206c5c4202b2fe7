"""Renew the manual pages of libhlml, one a group: `python docs/gen_hlml_man.py` (or --check to only compare).

Prototypes come from csrc/include/hlml.h, everything else from csrc/hlml_functions.toml.
"""

from __future__ import annotations

import re
import sys
from itertools import groupby
from pathlib import Path
from textwrap import wrap

from hlml_table import ROOT, Function, functions

PAGES = ROOT / "docs" / "man"
HEADER = ROOT / "csrc/include/hlml.h"
INDENT = " " * 8
TITLES = {
    "library": "attach the emulated Gaudi server, find its cards",
    "identity": "who a card is and what runs on it",
    "pci": "place of a card on PCI Express, its link and traffic",
    "ports": "network ports of a card: addresses, links, counters",
    "power": "clock, utilisation, power, energy and what holds the clock down",
    "sensors": "temperatures and their thresholds",
    "memory": "memory in use, ECC errors and replaced rows",
    "events": "wait for what happens to cards",
    "affinity": "processors and memory near a card",
    "faults": "break a card",
}
COMMON = {
    "HLML_SUCCESS": "Done; only then were outputs written.",
    "HLML_ERROR_UNINITIALIZED": "There was no hlml_init.",
    "HLML_ERROR_INVALID_ARGUMENT": "A pointer is NULL, a handle is none, or a value does not exist.",
    "HLML_ERROR_DRIVER_NOT_LOADED": "The driver of the box is not loaded.",
    "HLML_ERROR_AIP_IS_LOST": "The card is lost, or its box was taken down or replaced.",
    "HLML_ERROR_NOT_SUPPORTED": "This card or release does not have it.",
}


def prototypes() -> dict[str, str]:
    """Function -> its prototype on one line."""
    text = re.sub(r"/\*.*?\*/", " ", HEADER.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = re.findall(r"^(?:HLML_API\s+)?(hlml_return_t\s+(hlml_\w+)\s*\([^;]*\));", text, re.MULTILINE)
    return {name: " ".join(prototype.split()) for prototype, name in found}


def quoted(text: str) -> str:
    """Text in which nothing is a request or an escape."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def folded(prototype: str) -> list[str]:
    """A prototype in lines that fit a terminal."""
    return wrap(f"{prototype};", 78, subsequent_indent=INDENT)


def page(group: str, members: list[Function], forms: dict[str, str]) -> str:
    """One manual page."""
    names = ", ".join(function.name for function in members)
    lines = [
        f'.TH HLML_{group.upper()} 3 "" "gaudi\\-box" "HLML"',
        ".nh",
        ".SH NAME",
        f"{names} \\- {quoted(TITLES[group])}",
        ".SH SYNOPSIS",
        ".nf",
        "#include <hlml.h>",
        "",
        *(quoted(line) for function in members for line in folded(forms[function.name])),
        "",
        "Link with \\-lhlml.",
        ".fi",
        ".SH DESCRIPTION",
        "Numbers are those of an emulated card. All of these may be called from any thread; getters take no lock.",
    ]
    for function in members:
        lines += [".TP", f"\\fB{function.name}\\fR", quoted(function.meaning), ".br"]
        unit = f"Unit: {function.unit}. " if function.unit else ""
        lines.append(quoted(f"{unit}Since {function.since}. From the state: {function.state}."))
    lines += [".SH RETURN VALUE"]
    for code, meaning in COMMON.items():
        lines += [".TP", f"\\fB{code}\\fR", quoted(meaning)]
    further = {code for function in members for code in function.errors.split(", ") if code}
    for code in sorted(further - {"NOT_SUPPORTED"}):
        lines += [".TP", f"\\fBHLML_ERROR_{code}\\fR", "As said with the function."]
    lines += [".SH SEE ALSO", ".BR hl\\-smi (1),", ".BR hl_qual (1),"]
    others = [f".BR hlml_{other} (3)" for other in TITLES if other != group]
    return "\n".join([*lines, *(f"{other}," for other in others[:-1]), others[-1]]) + "\n"


def pages() -> dict[Path, str]:
    """Every page with its text."""
    forms = prototypes()
    groups = groupby(functions(), key=lambda function: function.group)
    return {PAGES / f"hlml_{group}.3": page(group, list(members), forms) for group, members in groups}


def main() -> int:
    if "--check" in sys.argv[1:]:
        return int(any(not path.is_file() or path.read_text("utf-8") != text for path, text in pages().items()))
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
