"""docs/hl_qual.md and the man page keep up with the code: codes, limits, exit statuses, tests, switches."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from hl_qual.errors import ExitStatus
from hl_qual.findings import CATALOGUE
from hl_qual.limits import FAMILIES, load_limits
from hl_qual.plugins import BUILT_IN
from hl_qual.switches import COMMON, SELECTORS

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "hl_qual.md").read_text(encoding="utf-8")
MAN = (DOCS / "man" / "hl_qual.1").read_text(encoding="utf-8").replace("\\-", "-")
ROWS = {
    cells[1]: cells
    for cells in ([cell.strip() for cell in row.split("|")] for row in PAGE.splitlines())
    if len(cells) > 2
}


def test_generated_tables_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, "-P", str(DOCS / "gen_hl_qual_tables.py"), "--check"], check=False)
    assert done.returncode == 0, "make docs"


def test_every_finding_and_every_limit_has_its_row() -> None:
    assert re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE) == list(CATALOGUE)
    for family in FAMILIES:
        for section, entries in load_limits(family).items():
            assert all(f"`[{section}] {name}`" in ROWS for name in entries)


def test_every_exit_status_test_and_common_switch_is_described() -> None:
    words = [selector.word for selector in SELECTORS.values() if selector.plugin in BUILT_IN]
    for status in ExitStatus:
        assert str(int(status)) in ROWS
        assert f"\n.TP\n{int(status)}\n" in MAN
    for word in [*words, *COMMON, "matmul_stress"]:
        assert f"`{word}" in PAGE or f"-t {word}`" in PAGE, word
    for word in [*words, "matmul_stress", *set(COMMON) - {"-skip_aer_detection"}]:
        assert word in MAN, word
