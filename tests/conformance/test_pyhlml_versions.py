"""The vendor's binding as it was at each generation of the ABI, unmodified, on a box of that release."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from real_paths import run_at_real_paths

from device.box_control import create_box, retire_box
from device.box_spec import read_box_spec

DRIVER = Path(__file__).parent / "drive_pyhlml.py"


@pytest.mark.parametrize(
    ("requirement", "release"),
    [
        ("pyhlml==1.9.0.580.1", "1.9"),
        ("habana-pyhlml==1.10.0.494", "1.10"),
        ("habana-pyhlml==1.15.3.5", "1.15"),
        ("habana-pyhlml==1.18.0.524", "1.18"),
    ],
)
def test_every_call_answers_on_every_card(
    requirement: str,
    release: str,
    client: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    folder = client(requirement)
    spec = tmp_path / "box.toml"
    spec.write_text(f'[box]\nbase = "hls2"\nrelease = "{release}"\n', encoding="utf-8")
    path = tmp_path / "box"
    create_box(path, read_box_spec(spec), "box")
    try:
        env = {"GAUDI_BOX": str(path), "PYTHONPATH": str(folder)}
        done = run_at_real_paths(sys.executable, DRIVER, env=env, cwd=tmp_path)
    finally:
        retire_box(path)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "8 cards" in done.stdout and str(folder) in done.stdout
