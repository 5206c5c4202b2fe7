"""Attaching: where a box is looked for, what is refused, what long-lived readers see (place.c, attach.c)."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from private_box import PrivateBox

import hlml
from device.box_control import create_box, find_place, retire_box, set_driver
from device.box_spec import load_box_spec
from device.card import Box
from device.errors import BoxError, CardLostError

HEADER_MAJOR_OFFSET = 12


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def error_of_open(path: Path) -> str:
    with pytest.raises(BoxError) as caught:
        Box.open(path)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_foreign_file_is_refused(box: PrivateBox) -> None:
    overwrite(box.path / "accel2", 0, b"not a card at all")
    assert "accel2 is not a file of an emulated box" in error_of_open(box.path)


def test_truncated_file_is_refused(box: PrivateBox) -> None:
    os.truncate(box.path / "accel0", 100)
    assert "truncated" in error_of_open(box.path)


def test_file_of_another_layout_version_is_refused(box: PrivateBox) -> None:
    overwrite(box.path / "box", HEADER_MAJOR_OFFSET, struct.pack("<H", 99))
    assert "layout version 99" in error_of_open(box.path)


def test_link_in_place_of_a_file_is_refused(box: PrivateBox, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    (box.path / "accel1").rename(target)
    (box.path / "accel1").symlink_to(target)
    assert "links are refused" in error_of_open(box.path)


def test_link_in_place_of_the_box_is_refused(box: PrivateBox, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(box.path)
    assert "links are refused" in error_of_open(tmp_path / "link")


def test_directory_in_place_of_a_file_is_refused(box: PrivateBox) -> None:
    (box.path / "accel3").unlink()
    (box.path / "accel3").mkdir()
    assert "accel3" in error_of_open(box.path)


def test_card_of_another_box_is_refused(box: PrivateBox, tmp_path: Path) -> None:
    create_box(tmp_path / "other", load_box_spec("hls2"), "other")
    (tmp_path / "other" / "accel0").replace(box.path / "accel0")
    assert "corrupt" in error_of_open(box.path)


def test_count_beyond_the_file_is_refused(box: PrivateBox) -> None:
    size_of_texts = 64 + 32 + 16 + 96 + 48 + 48
    overwrite(box.path / "box", 64 + size_of_texts + 4, struct.pack("<I", 1 << 30))
    assert "corrupt" in error_of_open(box.path)


def test_missing_box_says_how_to_make_one(tmp_path: Path) -> None:
    assert "gaudi-box up" in error_of_open(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["a b", "../x", "x" * 65, ".."])
def test_malformed_name_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAUDI_BOX", name)
    with pytest.raises(BoxError, match="neither an absolute path nor a name"):
        find_place()


def test_name_means_the_place_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAUDI_BOX", "a-name.1")
    place = find_place()
    assert place.path == Path(f"/dev/shm/gaudi-{os.geteuid()}/a-name.1")
    assert not place.exists
    assert not place.is_implicit


def test_reader_notices_that_its_box_was_taken_down(box: PrivateBox) -> None:
    opened = Box.open(box.path)
    retire_box(box.path)
    with pytest.raises(CardLostError):
        opened.card(0).read()
    opened.close()


def test_reader_notices_that_its_box_was_replaced(box: PrivateBox) -> None:
    opened = Box.open(box.path)
    create_box(box.path, load_box_spec("hls2"), "again")
    with pytest.raises(CardLostError):
        opened.card(0).read()
    opened.close()
    with Box.open(box.path) as fresh:
        assert fresh.name == "again"


def test_unloaded_driver_is_an_error_of_its_own(box: PrivateBox) -> None:
    set_driver(box.path, False)
    with pytest.raises(hlml.DriverNotLoadedError, match="not loaded"):
        hlml.init()
    set_driver(box.path, True)
    hlml.init()
    hlml.shutdown()


def test_nothing_is_left_beside_a_box(box: PrivateBox) -> None:
    create_box(box.path, load_box_spec("hls2"), "again")
    retire_box(box.path)
    assert sorted(p.name for p in box.path.parent.iterdir()) == ["logs"]


def test_default_box_is_private_where_nothing_can_be_written() -> None:
    """As in a read-only container: /dev/shm refuses, and the library works all the same."""
    script = (
        "mount -t tmpfs -o ro none /dev/shm && exec env -i " + sys.executable + " -c "
        "'import hlml; hlml.init(); print(len(hlml.devices()), repr(hlml.box_info().path))'"
    )
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "8 ''"


def test_full_disk_is_one_clear_line() -> None:
    script = "mount -t tmpfs -o size=16k none /dev/shm && exec env -i " + sys.executable + " -m hl_smi"
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) == 1
