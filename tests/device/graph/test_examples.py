"""The examples run on a card and meet their own tolerance, which is not wide enough for a wrong result."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"


def run(name: str, box: Any, *arguments: str) -> str:
    command = [sys.executable, "-P", str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, env=box.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_is_a_test_for_every_example() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == ["attention.py", "mlp.py"]


@pytest.mark.parametrize("name", ["mlp.py", "attention.py"])
def test_example_meets_its_tolerance(name: str, box: Any) -> None:
    match = re.search(r"largest difference to numpy (\S+), allowed (\S+)", run(name, box))
    assert match is not None
    assert 0.0 < float(match[1]) <= float(match[2]) <= 0.02


def test_attention_writes_a_trace(box: Any, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    run("attention.py", box, str(file))
    events = json.loads(file.read_text())["traceEvents"]
    assert {event["cat"] for event in events if event["ph"] == "X"} >= {"MME", "TPC", "DMA"}
