"""Fixtures that every room of the tests may use: a private box that is gone afterwards."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from c_programs import CPrograms
from private_box import PrivateBox

from device.box_control import create_box, retire_box
from device.box_spec import load_box_spec

# Tests that run in the background of a shell ignore SIGINT, and so would the programs that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateBox]:
    """Eight HL-225 that nobody else sees; $GAUDI_BOX of this process means it too."""
    path = tmp_path / "box"
    logs = tmp_path / "logs"
    logs.mkdir()
    create_box(path, load_box_spec("hls2"), "box")
    env = {"GAUDI_BOX": str(path), "HABANA_LOGS": str(logs), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    monkeypatch.setenv("GAUDI_BOX", str(path))
    yield PrivateBox(path, env, logs)
    if path.exists():
        retire_box(path)


@pytest.fixture(scope="session")
def c_programs(tmp_path_factory: pytest.TempPathFactory) -> CPrograms:
    """Programs of tests/c, built as they are asked for."""
    return CPrograms(tmp_path_factory.mktemp("c_programs"))
