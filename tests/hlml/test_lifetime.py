"""What outlives what in libhlml: boxes, event sets, forks, and the box that is private to a process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import hlml

ROOT = Path(__file__).resolve().parent.parent.parent
CSRC = ROOT / "csrc"
FLAGS = [
    "-std=gnu11",
    "-D_GNU_SOURCE",
    "-g",
    "-O1",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Wconversion",
    "-Werror",
    f"-I{CSRC}",
    f"-I{CSRC / 'include'}",
]
PRIVATE = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
device, limit = ctypes.c_void_p(), ctypes.c_uint()
assert library.hlml_init() == 0
assert library.hlml_device_get_handle_by_index(0, ctypes.byref(device)) == 0
assert library.hlml_device_set_power_management_limit(device, 500000) == 0
assert library.hlml_shutdown() == 0
assert library.hlml_init() == 0
assert library.hlml_device_get_power_management_limit(device, ctypes.byref(limit)) == 0
print(limit.value)
"""


def test_nobody_loses_what_it_is_using(tmp_path: Path) -> None:
    boxes, program = tmp_path / "embedded_boxes.c", tmp_path / "test_lifetime"
    subprocess.run([sys.executable, "-P", CSRC / "embed_boxes.py", boxes, ROOT], check=True)
    sources = [*CSRC.glob("*.c"), boxes, ROOT / "tests" / "c" / "test_lifetime.c"]
    subprocess.run(["cc", *FLAGS, *sources, "-lm", "-lpthread", "-o", program], check=True)
    done = subprocess.run([program, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    assert re.search(r"^[1-9]\d* passed, 0 failed$", done.stdout, re.MULTILINE), done.stdout[-3000:]


def test_private_box_survives_shutdown_and_init() -> None:
    """Where no place for a box can be written, its state still lives as long as the process."""
    own_namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    inside = 'mount -t tmpfs -o ro none /dev/shm && exec env -i "$@"'
    library = hlml.libdir() / "libhlml.so"
    command = [*own_namespace, "sh", "-c", inside, "sh", sys.executable, "-c", PRIVATE, library]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "500000\n"
