"""What the installed libhlml.so asks of a system and offers to programs."""

from __future__ import annotations

import tomllib
from pathlib import Path

from elf_needs import needs_of

import hlml

LIBRARY = hlml.libdir() / "libhlml.so"
ROOT = Path(__file__).resolve().parents[2]


def test_only_the_c_library_and_its_mathematics_are_needed() -> None:
    libraries = needs_of(LIBRARY).libraries
    assert libraries <= {"libc.so.6", "libm.so.6"} or libraries == {"libc.so"}


def test_no_symbol_is_newer_than_glibc_2_28() -> None:
    needs = needs_of(LIBRARY)
    too_new = {name: version for name, version in needs.versions.items() if version > (2, 28)}
    assert not too_new
    assert "libc.so.6" not in needs.libraries or len(needs.versions) > 20


def test_exactly_the_functions_of_the_table_are_exported() -> None:
    table = tomllib.loads((ROOT / "csrc" / "hlml_functions.toml").read_text())
    names = {name for name in table if name.startswith("hlml_")}
    assert needs_of(LIBRARY).exports == names
