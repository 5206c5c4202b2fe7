"""manage_network_ifs.sh: the vendor's switches and texts, on the external ports of the private box."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

SCRIPT = files("hl_qual").joinpath("scripts", "manage_network_ifs.sh")


def manage(box: Any, *words: str) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).with_name("gaudi-box")
    env = {**box.env, "GAUDI_BOX_COMMAND": str(tool)}
    return subprocess.run(["sh", str(SCRIPT), *words], env=env, capture_output=True, text=True, check=False)


def test_ports_go_up_and_down_and_scripts_count_the_lines(box: Any) -> None:
    lines = manage(box, "--status").stdout.splitlines()
    assert lines[:2] == ["accel0", "3 ports down (8, 22, 23)"] and len(lines) == 16
    assert (manage(box, "--up").returncode, manage(box, "--up", "--no-progbar").stdout) == (0, "")
    text = manage(box, "--status").stdout
    assert text.splitlines()[:2] == ["accel0", "all ports up"] and "down" not in text
    assert manage(box, "--down", "-v").stdout.count("DOWN") == 24
    assert manage(box, "--status").stdout.count("down") == 8


@pytest.mark.parametrize("words", [[], ["--sideways"], ["--up", "--down"]])
def test_wrong_switches_are_a_usage_error(box: Any, words: list[str]) -> None:
    done = manage(box, *words)
    assert (done.returncode, done.stdout) == (2, "")


def test_help_and_flow_control_are_there(box: Any) -> None:
    assert manage(box, "-h").stdout.startswith("usage: manage_network_ifs.sh --up | --down | --status")
    assert manage(box, "--check-pfc").returncode == 0
