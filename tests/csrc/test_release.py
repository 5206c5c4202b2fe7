"""The libraries of `make release`: what they ask of a system, and that programs get the same answers from each.

Skipped, with the reason, where `make release` was not run or what runs such a library is missing: musl-tools for musl,
qemu-user for aarch64 (both Debian packages).
"""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from c_programs import CSRC
from elf_needs import needs_of
from hlml_client import SUCCESS, HlmlClient
from private_box import PrivateBox

import hlml
from device.card import Box

ROOT = Path(__file__).resolve().parents[2]
RELEASE = ROOT / "build" / "release"
CLIENT = ROOT / "tests" / "c" / "print_cards.c"
GLIBC = ("x86_64-linux-gnu.2.28", "aarch64-linux-gnu.2.28")
MUSL = "x86_64-linux-musl"
FUNCTIONS = {name for name in tomllib.loads((CSRC / "hlml_functions.toml").read_text()) if name.startswith("hlml_")}
ON_X86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="this machine is not x86-64")


def released(target: str) -> Path:
    library = RELEASE / target / "libhlml.so"
    if not library.exists():
        pytest.skip(f"there is no {library.relative_to(ROOT)}; 'make release' makes it")
    return library


def cards_by_installed_library(box: PrivateBox, scratch: Path) -> str:
    libs = hlml.libdir()
    program = scratch / "native"
    flags = [f"-I{hlml.include_dir()}", f"-L{libs}", "-lhlml", f"-Wl,-rpath,{libs}"]
    subprocess.run(["cc", CLIENT, *flags, "-o", program], check=True)
    return subprocess.run([program], env=box.env, check=True, capture_output=True, text=True).stdout


def freeze(box: PrivateBox) -> None:
    with Box.open(box.path) as opened:
        opened.card(0).publish_activity((1.0, 0.0, 0.0, 0.2, 0.0, 0.0), 1.0)
        opened.set_clock(rate=0.0)


@pytest.mark.parametrize("target", GLIBC)
def test_nothing_newer_than_glibc_2_28_is_needed(target: str) -> None:
    needs = needs_of(released(target))
    assert needs.newest_glibc() <= (2, 28)
    assert needs.libraries <= {"libc.so.6", "libm.so.6", "libpthread.so.0"}  # all of glibc 2.28


def test_musl_needs_its_c_library_alone() -> None:
    assert needs_of(released(MUSL)).libraries == {"libc.so"}


@pytest.mark.parametrize("target", [*GLIBC, MUSL])
def test_the_same_functions_are_exported(target: str) -> None:
    assert needs_of(released(target)).exports == FUNCTIONS


@ON_X86
def test_the_glibc_library_answers_here(box: PrivateBox) -> None:
    with HlmlClient(released(GLIBC[0]), box.env) as client:
        assert client.ask("init") == [SUCCESS]
        assert set(client.ask("look")) == {SUCCESS}


@ON_X86
def test_a_c_program_on_musl_sees_the_same_cards(box: PrivateBox, tmp_path: Path) -> None:
    library = released(MUSL)
    if not shutil.which("musl-gcc"):
        pytest.skip("musl-gcc is missing; the Debian package musl-tools has it")
    program = tmp_path / "musl"
    flags = [f"-I{library.parent}", f"-L{library.parent}", "-lhlml", f"-Wl,-rpath,{library.parent}"]
    subprocess.run(["musl-gcc", CLIENT, *flags, "-o", program], check=True)
    freeze(box)
    done = subprocess.run([program], env=box.env, check=True, capture_output=True, text=True)
    assert done.stdout == cards_by_installed_library(box, tmp_path)
    assert len(done.stdout.splitlines()) == 8


@ON_X86
def test_aarch64_sees_the_same_cards_of_the_same_files(box: PrivateBox, tmp_path: Path) -> None:
    """The card state and libhlml linked into one aarch64 program, on a box that this machine made."""
    if not shutil.which("qemu-aarch64"):
        pytest.skip("qemu-aarch64 is missing; the Debian package qemu-user has it")
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("ziglang is missing; 'make release' installs it")
    boxes, program = tmp_path / "embedded_boxes.c", tmp_path / "aarch64"
    subprocess.run([sys.executable, "-P", CSRC / "embed_boxes.py", boxes, ROOT], check=True)
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-musl", "-static", "-std=gnu11", "-O1"]
    flags = ["-D_GNU_SOURCE", "-ffp-contract=off", f"-I{CSRC}", f"-I{CSRC / 'include'}"]
    subprocess.run([*zig, *flags, *sorted(CSRC.glob("*.c")), boxes, CLIENT, "-lm", "-o", program], check=True)
    freeze(box)
    done = subprocess.run(["qemu-aarch64", program], env=box.env, check=True, capture_output=True, text=True)
    assert done.stdout == cards_by_installed_library(box, tmp_path)
    assert len(done.stdout.splitlines()) == 8
