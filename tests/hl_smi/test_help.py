"""The help names everything that the parser takes."""

from __future__ import annotations

from pathlib import Path

from hl_smi.fields import FIELDS
from hl_smi.help import help_text
from hl_smi.help_fields import MEANINGS, help_fields_text
from hl_smi.switches import COMMANDS, EVENTS_SWITCHES, SWITCHES, TOPO_SWITCHES


def test_help_names_every_switch_and_field() -> None:
    words = help_text().replace(",", " ").split()
    for switch in (*SWITCHES, *TOPO_SWITCHES, *EVENTS_SWITCHES):
        assert not switch.letter or f"-{switch.letter}" in words
        assert all(f"--{name}" in words for name in switch.names)
    assert all(name in words for name in (*FIELDS, *COMMANDS))


def test_every_field_is_explained() -> None:
    assert list(MEANINGS) == list(FIELDS)
    assert all(name in help_fields_text().split() for name in FIELDS)


def test_help_fits_a_terminal_of_100_columns() -> None:
    assert max(len(line) for line in (help_text() + help_fields_text()).splitlines()) <= 100


def test_man_page_and_docs_name_every_switch_and_command() -> None:
    docs = Path(__file__).parents[2] / "docs"
    man = (docs / "man" / "hl-smi.1").read_text().replace("\\-", "-").replace("\\fB", "").replace("\\fR", "")
    for switch in (*SWITCHES, *TOPO_SWITCHES, *EVENTS_SWITCHES):
        assert not switch.letter or f"\n-{switch.letter}" in man or f"[-{switch.letter}]" in man
        assert all(f"--{name}" in man for name in switch.names)
    assert all(f"\n{command}" in man for command in COMMANDS)
    guide = (docs / "hl-smi.md").read_text()
    own = [name for switch in SWITCHES if switch.is_extension for name in switch.names if name != "output"]
    assert all(f"--{name}" in guide for name in own)
    assert max(len(line) for line in man.splitlines()) <= 130
