"""libhlml in the hands of careless programs and on strange machines."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from c_programs import THREAD, CPrograms, run_checks
from hlml_client import SUCCESS, HlmlClient
from private_box import PrivateBox

import hlml

LIBRARY = hlml.libdir() / "libhlml.so"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")

# Counts descriptors and mappings after the first cycle and after many: they have to be the same.
CYCLES = """
import ctypes, os, sys
library = ctypes.CDLL(sys.argv[1])
device, power = ctypes.c_void_p(), ctypes.c_uint()

def cycle():
    assert library.hlml_init() == 0
    assert library.hlml_init() == 5
    assert library.hlml_device_get_handle_by_index(0, ctypes.byref(device)) == 0
    assert library.hlml_device_get_power_usage(device, ctypes.byref(power)) == 0
    assert library.hlml_shutdown() == 0
    assert library.hlml_device_get_power_usage(device, ctypes.byref(power)) == 1
    assert library.hlml_shutdown() == 1

def resources():
    with open("/proc/self/maps") as maps:
        files = sum("accel" in line or line.rstrip().endswith("/box") for line in maps)
    with open("/proc/self/statm") as statm:
        return files, len(os.listdir("/proc/self/fd")), int(statm.read().split()[1])

for _ in range(50):
    cycle()
before = resources()
for _ in range(5000):
    cycle()
after = resources()
assert before[:2] == after[:2], (before, after)
assert after[2] <= before[2] + 64, (before, after)  # pages; a leak of one byte a cycle would stay below, one of 64 not
print("cycled")
"""
LOADS = """
import _ctypes, ctypes, os, sys
for number in range(300):
    library = ctypes.CDLL(sys.argv[1 + number % 2])
    assert library.hlml_init() == 0
    count = ctypes.c_uint()
    assert library.hlml_device_get_count(ctypes.byref(count)) == 0 and count.value == 8
    if number % 3:
        assert library.hlml_shutdown() == 0
    handle = library._handle
    del library
    _ctypes.dlclose(handle)
    if number % 3 == 0:
        again = ctypes.CDLL(sys.argv[1 + number % 2])
        assert again.hlml_shutdown() == 0
assert len(os.listdir("/proc/self/fd")) < 60
print("loaded")
"""


def run(script: str, box: PrivateBox, *arguments: Path) -> str:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, env=box.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_sixteen_threads_in_every_function(c_programs: CPrograms, tmp_path: Path) -> None:
    run_checks([c_programs.card_program("test_threads", THREAD), str(tmp_path), "1000"])


def test_thousands_of_sessions_leave_nothing_behind(box: PrivateBox) -> None:
    assert run(CYCLES, box, LIBRARY) == "cycled"


def test_the_library_may_be_loaded_again_and_again_and_twice(box: PrivateBox, tmp_path: Path) -> None:
    other = tmp_path / "libhlml-copy.so"
    shutil.copy(LIBRARY, other)
    assert run(LOADS, box, LIBRARY, other) == "loaded"


@needs_root
@pytest.mark.parametrize(
    "mounts",
    [
        "mount -t tmpfs none /proc",
        "mount -t tmpfs none /sys",
        "mount --bind / / && mount -o remount,ro,bind /",
        "mount -t tmpfs none /proc && mount -t tmpfs none /sys && mount --bind / / && mount -o remount,ro,bind /",
    ],
    ids=["no proc", "no sys", "read-only root", "all of it"],
)
def test_a_machine_without_the_usual_mounts(box: PrivateBox, mounts: str) -> None:
    prefix = ["unshare", "-m", "sh", "-c", f'{mounts} && exec "$@"', "sh"]
    with HlmlClient(LIBRARY, box.env, prefix) as client:
        assert client.ask("init") == [SUCCESS]
        assert set(client.ask("look")) == {SUCCESS}
        assert client.ask("shutdown") == [SUCCESS]


@needs_root
def test_a_read_only_machine_without_a_box_gets_a_private_one() -> None:
    """Nothing can be made anywhere, no environment at all: eight cards all the same."""
    mounts = "mount -t tmpfs -o ro none /dev/shm && mount -t tmpfs -o ro none /run && mount -t tmpfs none /proc"
    prefix = ["unshare", "-m", "sh", "-c", f'{mounts} && exec env -i "$@"', "sh"]
    with HlmlClient(LIBRARY, {"PATH": os.environ["PATH"]}, prefix) as client:
        assert client.ask("init") == [SUCCESS]
        assert set(client.ask("look")) == {SUCCESS}
