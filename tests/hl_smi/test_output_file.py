"""-o: whole iterations, or nothing and one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hl_smi.errors import RunError
from hl_smi.output_file import append_whole


def test_text_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "out"
    append_whole(str(path), "a\n")
    append_whole(str(path), "b\n")
    assert path.read_text() == "a\nb\n"


@pytest.mark.parametrize("name", ["missing/out", ".", "\0"])
def test_place_that_can_not_be_written_is_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError, match="can not write to") as raised:
        append_whole(f"{tmp_path}/{name}", "a\n")
    assert "\n" not in str(raised.value)


def test_full_device_is_one_line() -> None:
    with pytest.raises(RunError, match="can not write to '/dev/full': No space left on device"):
        append_whole("/dev/full", "a\n")


def test_half_of_an_iteration_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out"
    path.write_text("before\n")
    really_write = os.write

    def write(descriptor: int, data: bytes) -> int:
        if len(data) < 8:
            raise OSError(28, "No space left on device")
        return really_write(descriptor, data[:4])

    monkeypatch.setattr("hl_smi.output_file.os.write", write)
    with pytest.raises(RunError, match="No space left"):
        append_whole(str(path), "0123456789")
    assert path.read_text() == "before\n"
