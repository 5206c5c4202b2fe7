"""Healthy cards of the other servers pass with the limits of their own card."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from device.box_control import create_box, retire_box
from device.box_spec import load_box_spec


@pytest.mark.parametrize(("server", "card"), [("hls1", "HL-205"), ("hls2pcie", "HL-288E"), ("hls3", "HL-325L")])
def test_healthy_cards_of_every_server_pass(server: str, card: str, tmp_path: Path) -> None:
    path = tmp_path / "box"
    create_box(path, load_box_spec(server), "box")
    try:
        command = [sys.executable, "-P", "-m", "hl_qual", "-t", "matmul_stress", "-t", "1", "-c", "0,1"]
        env = {"GAUDI_BOX": str(path), "HABANA_LOGS": str(tmp_path), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        retire_box(path)
    (twin,) = (tmp_path / "qual").glob("*.json")
    report = json.loads(twin.read_text())
    assert list(report["limits_by_card"]) == [card]
    (share,) = {
        metric["limit"] / metric["value"]
        for device in report["devices"][:1]
        for metric in device["metrics"]
        if metric["name"] == "mme_throughput"
    }
    assert 0.5 < share < 1, "the limit says something about this card"
