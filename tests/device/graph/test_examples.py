"""The examples run on a card and meet their own tolerance, which is not wide enough for a wrong result."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TRAINED, FORWARD = ["mlp.py", "convolution.py"], ["attention.py", "bert_layer.py"]
EXAMPLES = Path(__file__).parents[3] / "examples"


def run(name: str, box: Any, *arguments: str) -> str:
    command = [sys.executable, "-P", str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, env=box.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_is_a_test_for_every_example() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == sorted(["allreduce.py", *TRAINED, *FORWARD])


@pytest.mark.parametrize("name", TRAINED + FORWARD)
def test_example_meets_its_tolerance(name: str, box: Any) -> None:
    match = re.search(r"largest difference to numpy (\S+), allowed (\S+)", run(name, box))
    assert match is not None
    assert 0.0 < float(match[1]) <= float(match[2]) <= 0.04


@pytest.mark.parametrize("name", TRAINED)
def test_training_needs_its_steps(name: str, box: Any) -> None:
    """The loss falls from step to step, and one step alone is not enough for the example's own verdict."""
    command = [sys.executable, "-P", str(EXAMPLES / name), "1"]
    assert subprocess.run(command, env=box.env, capture_output=True, check=False).returncode == 1
    match = re.search(r"loss (\S+) to (\S+), (\d+)%", run(name, box))
    assert match is not None
    assert float(match[2]) < 0.2 * float(match[1])
    assert int(match[3]) >= 95


def test_gradients_of_attention_are_the_slopes_of_numpy(box: Any) -> None:
    found = re.findall(r"(gamma|wq|wo) (\S+?)[, ]", run("attention.py", box).split("gradients off by ")[1])
    assert [name for name, _ in found] == ["gamma", "wq", "wo"]
    assert all(0.0 < float(error) < 0.03 for _, error in found)


def test_attention_writes_a_trace(box: Any, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    run("attention.py", box, str(file))
    events = json.loads(file.read_text())["traceEvents"]
    assert {event["cat"] for event in events if event["ph"] == "X"} >= {"MME", "TPC", "DMA"}
