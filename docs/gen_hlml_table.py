"""Renew the function table in docs/hlml.md: `python docs/gen_hlml_table.py` (or --check to only compare).

The facts are in csrc/hlml_functions.toml; everything in docs/hlml.md between the two markers is generated.
"""

from __future__ import annotations

import sys
from collections import Counter

from hlml_table import ROOT, WORDS, functions

PAGE = ROOT / "docs" / "hlml.md"
BEGIN, END = "<!-- generated: functions -->", "<!-- end of generated -->"
HEAD = ("function", "since", "level", "unit", "from the state", "here", "errors", "meaning")


def render() -> str:
    """The generated part: the counts and one row a function, in the order of the file."""
    table = functions()
    counts = Counter(function.status for function in table)
    total = ", ".join(f"{counts[status]} {words}" for status, words in WORDS.items())
    lines = [f"{len(table)} functions: {total}.", ""]
    group = ""
    for function in table:
        if function.group != group:
            group = function.group
            lines += ["", f"### {group}", "", f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
        cells = (
            f"`{function.name}`",
            function.since,
            function.level,
            function.unit,
            function.state,
            WORDS[function.status],
            function.errors,
            function.meaning,
        )
        lines.append(f"| {' | '.join(cells)} |")
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
