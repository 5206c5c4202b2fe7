"""docs/hl_qual.md and the man page keep up with the code: codes, limits, exit statuses, tests, switches."""

from __future__ import annotations

import re
from pathlib import Path

from hl_qual.errors import ExitStatus
from hl_qual.findings import CATALOGUE
from hl_qual.limits import load_limits
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


def test_every_finding_has_its_row_with_severity_and_action() -> None:
    listed = re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE)
    assert listed == list(CATALOGUE)
    for code, cause in CATALOGUE.items():
        assert ROWS[f"`{code}`"][2:4] == [cause.severity.value, cause.action]


def test_every_limit_has_its_row_with_both_values() -> None:
    gaudi2, gaudi3 = load_limits("gaudi2"), load_limits("gaudi3")
    expected = [f"`[{section}] {name}`" for section, entries in gaudi2.items() for name in entries]
    assert re.findall(r"^\| (`\[[a-z0-9_]+\] [a-z_]+`) \|", PAGE, re.MULTILINE) == expected
    for section, entries in gaudi2.items():
        assert set(entries) == set(gaudi3[section])
        for name, limit in entries.items():
            row = ROWS[f"`[{section}] {name}`"]
            assert row[2:5] == [f"{limit.value:g}", f"{gaudi3[section][name].value:g}", limit.unit]
            assert limit.basis in row[5] and limit.source in row[6]


def test_every_exit_status_test_and_common_switch_is_described() -> None:
    words = [selector.word for selector in SELECTORS.values() if selector.plugin in BUILT_IN]
    for status in ExitStatus:
        assert str(int(status)) in ROWS
        assert f"\n.TP\n{int(status)}\n" in MAN
    for word in [*words, *COMMON, "matmul_stress"]:
        assert f"`{word}" in PAGE or f"-t {word}`" in PAGE, word
    for word in [*words, "matmul_stress", *set(COMMON) - {"-skip_aer_detection"}]:
        assert word in MAN, word
