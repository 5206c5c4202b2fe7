"""Files that somebody replaced, overwrote, cut off, linked or gave away: libhlml answers with a code, at once."""

from __future__ import annotations

import os
import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from c_programs import ADDRESS, CPrograms, run_checks
from hlml_client import DRIVER_NOT_LOADED, LOST, SUCCESS, TIMEOUT, UNKNOWN, HlmlClient
from private_box import PrivateBox

import hlml
from device.box_control import create_box, retire_box, set_driver
from device.box_spec import load_box_spec

LIBRARY = hlml.libdir() / "libhlml.so"
HEADER_SIZE = 64
MAJOR_OFFSET = 12


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def client(box: PrivateBox) -> HlmlClient:
    return HlmlClient(LIBRARY, box.env)


def foreign(file: Path) -> None:
    file.write_bytes(random.Random(1).randbytes(file.stat().st_size))


def empty(file: Path) -> None:
    file.write_bytes(b"")


def cut_off(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 1)


def link(file: Path) -> None:
    file.rename(file.with_suffix(".real"))
    file.symlink_to(file.with_suffix(".real"))


def dangling_link(file: Path) -> None:
    file.unlink()
    file.symlink_to("/nonexistent")


def directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def device(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


def stranger(file: Path) -> None:
    os.chown(file, 4242, -1)


def missing(file: Path) -> None:
    file.unlink()


def later_version(file: Path) -> None:
    overwrite(file, MAJOR_OFFSET, struct.pack("<H", 7))


def other_card(file: Path) -> None:
    shutil.copy(file.parent / ("accel1" if file.name == "box" else "box"), file)


@pytest.mark.parametrize("name", ["box", "accel0", "accel7"])
@pytest.mark.parametrize(
    "spoil",
    [
        *(foreign, empty, cut_off, link, dangling_link, directory, pipe, device, stranger, missing),
        *(later_version, other_card),
    ],
)
def test_a_spoilt_file_is_refused_by_init(box: PrivateBox, name: str, spoil: Callable[[Path], None]) -> None:
    spoil(box.path / name)
    with client(box) as c:
        assert c.ask("init") == [UNKNOWN]
        assert c.ask("shutdown") != [SUCCESS]
        create_box(box.path, load_box_spec("hls2"), "again")
        assert c.ask("init") == [SUCCESS]
        assert set(c.ask("look")) == {SUCCESS}


@pytest.mark.parametrize("length", [0, 1, 4096, 8192])
@pytest.mark.parametrize("name", ["box", "accel0"])
def test_a_file_cut_off_under_a_reader_does_not_kill_it(box: PrivateBox, name: str, length: int) -> None:
    with client(box) as c:
        assert c.ask("init") == [SUCCESS]
        assert set(c.ask("look")) == {SUCCESS}
        os.truncate(box.path / name, min(length, (box.path / name).stat().st_size))
        codes = c.ask("look") + c.ask("look") + c.ask("wait 0")
        assert set(codes) <= {SUCCESS, LOST, UNKNOWN, DRIVER_NOT_LOADED, TIMEOUT}
        if length == 0:
            assert set(codes) & ({LOST, DRIVER_NOT_LOADED} if name == "box" else {UNKNOWN})
        c.ask("shutdown")
        create_box(box.path, load_box_spec("hls2"), "again")
        assert c.ask("init") == [SUCCESS]
        assert set(c.ask("look")) == {SUCCESS}


@pytest.mark.parametrize("seed", range(3))
def test_noise_over_a_mapped_file_gives_codes(box: PrivateBox, seed: int) -> None:
    rng = random.Random(seed)
    with client(box) as c:
        assert c.ask("init") == [SUCCESS]
        for _ in range(10):
            file = box.path / rng.choice(["box", "accel0"])
            overwrite(file, HEADER_SIZE, rng.randbytes(file.stat().st_size - HEADER_SIZE))
            assert set(c.ask("look")) <= {SUCCESS, LOST, UNKNOWN, DRIVER_NOT_LOADED}


def test_a_long_lived_reader_notices_down_and_up(box: PrivateBox) -> None:
    with client(box) as c:
        assert c.ask("init") == [SUCCESS]
        for _ in range(3):
            assert set(c.ask("look")) == {SUCCESS}
            retire_box(box.path)
            assert set(c.ask("look")) == {LOST}
            create_box(box.path, load_box_spec("hls2"), "again")
            assert set(c.ask("look")) == {LOST}
            assert c.ask("shutdown") + c.ask("init") == [SUCCESS, SUCCESS]
        set_driver(box.path, False)
        assert set(c.ask("look")) == {DRIVER_NOT_LOADED}
        set_driver(box.path, True)
        assert set(c.ask("look")) == {SUCCESS}


def test_init_finds_out_that_the_files_were_replaced_behind_our_back(box: PrivateBox) -> None:
    """rm -r and a copy from elsewhere mark nothing; the next init looks at what is there now."""
    with client(box) as c:
        assert c.ask("init") == [SUCCESS]
        shutil.rmtree(box.path)
        create_box(box.path, load_box_spec("none"), "other")
        assert c.ask("shutdown") + c.ask("init") == [SUCCESS, SUCCESS]
        assert c.ask("look")[0] != SUCCESS  # there is no card in this one


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_bytes_never_crash_any_function(c_programs: CPrograms, tmp_path: Path, seed: int) -> None:
    """Every function, reader and writer on fuzzed files, under sanitizers; `make soak` does more rounds."""
    program = c_programs.card_program("test_fuzz", (*ADDRESS, "-fsanitize=float-cast-overflow"))
    run_checks([program, str(tmp_path), "700", str(seed)])
