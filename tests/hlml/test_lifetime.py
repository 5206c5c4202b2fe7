"""What outlives what in libhlml: boxes, event sets, forks, and the box that is private to a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from c_programs import ADDRESS, CPrograms, run_checks

import hlml

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


def test_nobody_loses_what_it_is_using(c_programs: CPrograms, tmp_path: Path) -> None:
    run_checks([c_programs.card_program("test_lifetime", ADDRESS), str(tmp_path)])


def test_private_box_survives_shutdown_and_init() -> None:
    """Where no place for a box can be written, its state still lives as long as the process."""
    own_namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    inside = 'mount -t tmpfs -o ro none /dev/shm && exec env -i "$@"'
    library = hlml.libdir() / "libhlml.so"
    command = [*own_namespace, "sh", "-c", inside, "sh", sys.executable, "-c", PRIVATE, library]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "500000\n"
