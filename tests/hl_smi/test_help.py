"""The help names everything that the parser takes."""

from __future__ import annotations

from hl_smi.fields import FIELDS
from hl_smi.help import help_text
from hl_smi.switches import SWITCHES


def test_help_names_every_switch_and_field() -> None:
    words = help_text().replace(",", " ").split()
    for switch in SWITCHES:
        assert not switch.letter or f"-{switch.letter}" in words
        assert all(f"--{name}" in words for name in switch.names)
    assert all(name in words for name in FIELDS)


def test_help_fits_a_terminal_of_100_columns() -> None:
    assert max(len(line) for line in help_text().splitlines()) <= 100
