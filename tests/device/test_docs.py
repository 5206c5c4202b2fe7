"""docs/faults.md and the man page of gaudi-box say what the catalogue and the commands say."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import click
import pytest

from device.cli import gaudi_box
from device.scenario import read_scenario

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PAGE = (DOCS / "man" / "gaudi-box.1").read_text(encoding="utf-8")


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_faults_is_that_of_the_catalogue() -> None:
    text = (DOCS / "faults.md").read_text(encoding="utf-8")
    assert load("gen_faults").renewed(text) == text, "run `make docs`"


def test_the_man_page_is_that_of_the_commands_it_has() -> None:
    generate = load("gen_man").section
    documented = re.findall(r"^\.SS gaudi\\-box (\S+)", PAGE, re.MULTILINE)
    assert {"up", "down", "inject", "play", "dmesg"} <= set(documented)
    for name in documented:
        assert generate(name, gaudi_box.commands[name]) in PAGE, "run `make docs`"


@pytest.mark.parametrize("name", sorted(set(gaudi_box.commands) - {"_"}))
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    command = gaudi_box.commands[name]
    text = command.get_help(click.Context(command, info_name=name))
    assert "Example" in text
    assert f"gaudi-box {name}" in text or "gaudi-box" in text


def test_the_scenario_in_the_docs_is_one(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", (DOCS / "faults.md").read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "scenario.toml"
    path.write_text(block)
    assert len(read_scenario(path).steps) == 4
