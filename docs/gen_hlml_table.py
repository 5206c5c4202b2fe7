"""Renew the function table in docs/hlml.md: `python docs/gen_hlml_table.py` (or --check to only compare).

The facts are in csrc/hlml_functions.toml; everything in docs/hlml.md between the two markers is generated.
"""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "csrc" / "hlml_functions.toml"
PAGE = ROOT / "docs" / "hlml.md"
BEGIN, END = "<!-- generated: functions -->", "<!-- end of generated -->"
WORDS = {"answered": "answers", "not-supported": "NOT_SUPPORTED by the card", "not-yet": "not yet"}


def render() -> str:
    """The generated part: the counts and one row a function, in the order of the file."""
    functions = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    counts = Counter(row["status"] for row in functions.values())
    total = ", ".join(f"{counts[status]} {words}" for status, words in WORDS.items())
    lines = [f"{len(functions)} functions: {total}.", ""]
    group = ""
    for name, row in functions.items():
        if row["group"] != group:
            group = row["group"]
            lines += ["", f"### {group}", "", "| function | since | here | meaning |", "|---|---|---|---|"]
        lines.append(f"| `{name}` | {row['since']} | {WORDS[row['status']]} | {row['meaning']} |")
    return "\n".join(lines)


def main() -> int:
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    wanted = f"{before}{BEGIN}\n{render()}\n{END}{after}"
    if "--check" in sys.argv[1:]:
        return int(page != wanted)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
