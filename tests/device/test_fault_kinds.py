"""csrc/fault_kinds.h says what the catalogue says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_numbers_in_c_are_those_of_the_catalogue() -> None:
    spec = importlib.util.spec_from_file_location("gen_fault_kinds", ROOT / "csrc" / "gen_fault_kinds.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (ROOT / "csrc" / "fault_kinds.h").read_text(encoding="utf-8")
    assert written == module.header(ROOT / "device" / "specs" / "faults.toml"), "run `make docs`"
