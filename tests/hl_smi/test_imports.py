"""What the plain paths load: start-up time is what a monitor that runs hl-smi every second pays."""

from __future__ import annotations

import subprocess
import sys

import pytest

# A stand-in for hlml that has no card: what is left are hl-smi's own imports.
_PROGRAM = """
import sys, types
fake = types.ModuleType("hlml")
fake.HlmlError = type("HlmlError", (Exception,), {})
fake.DriverNotLoadedError = type("DriverNotLoadedError", (fake.HlmlError,), {})
fake.init = lambda: None
fake.box_info = lambda: None
fake.devices = lambda: []
sys.modules["hlml"] = fake
before = set(sys.modules)
from hl_smi.cli import main
status = main(sys.argv[1:])
sys.stderr.write(" ".join(sorted(set(sys.modules) - before)))
"""
_HEAVY = {"argparse", "click", "csv", "json", "logging", "numpy", "pathlib", "rich", "subprocess", "typing"}
_PLAIN = {
    "hl_smi",
    "hl_smi.arguments",
    "hl_smi.argv",
    "hl_smi.cli",
    "hl_smi.errors",
    "hl_smi.log_file",
    "hl_smi.moment",
    "hl_smi.options",
    "hl_smi.pages",
    "hl_smi.query",
    "hl_smi.query.select",
    "hl_smi.scan",
    "hl_smi.switches",
}
_CSV = {"hl_smi.fields", "hl_smi.query.units"}


def loaded(*words: str) -> set[str]:
    """Modules that a run without cards loads on top of the interpreter's own."""
    # -I would also hide an editable install; -S would hide the installed package.
    result = subprocess.run([sys.executable, "-c", _PROGRAM, *words], capture_output=True, text=True, check=True)
    assert result.stdout == "no AIPs available\n"
    return set(result.stderr.split())


@pytest.mark.parametrize(
    ("words", "expected"), [((), _PLAIN), (("-q",), _PLAIN), (("-Q", "index"), _PLAIN | _CSV), (("-L", "-l"), _PLAIN)]
)
def test_plain_path_loads_only_its_own_modules(words: tuple[str, ...], expected: set[str]) -> None:
    modules = loaded(*words)
    assert {module for module in modules if module.split(".")[0] == "hl_smi"} == expected
    assert not modules & _HEAVY


def test_renderers_load_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import hl_smi.render.table, hl_smi.render.table_layout, hl_smi.query.table, hl_smi.render.report\n"
        "import hl_smi.query.csv, hl_smi.render.csv\n"
        "print(*(set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules = set(result.stdout.split())
    assert not modules & _HEAVY
    assert not any(module.split(".")[0] == "hlml" for module in modules)
