"""Renew the tables of findings and limits in docs/hl_qual.md: `python docs/gen_hl_qual_tables.py` (--check compares).

The facts are in hl_qual/findings.py and hl_qual/limits/*.toml; everything between a pair of markers is generated.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from hl_qual.findings import CATALOGUE
from hl_qual.limits import FAMILIES, Limit, Limits, cards_with_limits, load_limits

PAGE = Path(__file__).resolve().parent / "hl_qual.md"
TITLES = {"gaudi": "Gaudi", "gaudi2": "Gaudi 2", "gaudi3": "Gaudi 3"}
BASE_OF_CARD = {"hl288e": "gaudi2"}


def findings() -> str:
    """A row a code, in the order of the catalogue."""
    lines = ["| code | severity | what to do |", "|---|---|---|"]
    lines += [f"| `{code}` | {cause.severity.value} | {cause.action} |" for code, cause in CATALOGUE.items()]
    return "\n".join(lines)


def limits() -> str:
    """A row a limit with the values of all families, then what differs for single cards."""
    families = {family: load_limits(family) for family in FAMILIES}
    columns = " | ".join(TITLES[family] for family in families)
    lines = [f"| limit | {columns} | unit | basis | source |", "|---|" + "---|" * (len(families) + 3)]
    for section, name in _names(families.values()):
        lines.append(_row(section, name, [each.get(section, {}).get(name) for each in families.values()]))
    lines += [
        "",
        "Other cards differ in:",
        "",
        "| limit | card | value | unit | basis | source |",
        "|---|---|---|---|---|---|",
    ]
    for card in cards_with_limits():
        family = families[BASE_OF_CARD[card]]
        own = load_limits(BASE_OF_CARD[card], card)
        for section, name in _names([own]):
            limit = own[section][name]
            if limit != family.get(section, {}).get(name):
                place = f"`[{section}] {name}`"
                title = card.upper().replace("HL", "HL-")
                lines.append(f"| {place} | {title} | {limit.value:g} | {limit.unit} | {limit.basis} | {limit.source} |")
    return "\n".join(lines)


def _names(several: Iterable[Limits]) -> list[tuple[str, str]]:
    names: dict[tuple[str, str], None] = {}
    for each in several:
        names.update(dict.fromkeys((section, name) for section, entries in each.items() for name in entries))
    order = {section: number for number, section in enumerate(dict.fromkeys(section for section, _ in names))}
    return sorted(names, key=lambda pair: order[pair[0]])


def _row(section: str, name: str, found: list[Limit | None]) -> str:
    values = " | ".join("-" if limit is None else f"{limit.value:g}" for limit in found)
    present = [limit for limit in found if limit is not None]
    bases = " / ".join(dict.fromkeys(limit.basis for limit in present))
    sources = " / ".join(dict.fromkeys(limit.source for limit in present))
    return f"| `[{section}] {name}` | {values} | {present[0].unit} | {bases} | {sources} |"


TABLES: dict[str, Callable[[], str]] = {"findings": findings, "limits": limits}


def renewed(page: str) -> str:
    """The page with its generated parts made anew."""
    for name, table in TABLES.items():
        begin, end = f"<!-- generated: {name} -->", f"<!-- end of generated {name} -->"
        before, rest = page.split(begin)
        page = f"{before}{begin}\n{table()}\n{end}{rest.split(end)[1]}"
    return page


def main() -> int:
    page = PAGE.read_text(encoding="utf-8")
    wanted = renewed(page)
    if "--check" in sys.argv[1:]:
        return int(page != wanted)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
