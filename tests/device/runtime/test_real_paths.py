"""What a held card leaves at the real paths, and only for the box that owns them."""

from __future__ import annotations

import shutil
import struct
import sys
import time
from pathlib import Path

import pytest
from under_exec import UNPRIVILEGED, run_under_exec

from device.errors import BoxError
from device.runtime.real_paths import REAL_BOX, RealPaths

HOLD = """
import subprocess, sys, os, struct
import numpy as np
from device.runtime import Card
card = Card.acquire(3)
buffer = card.malloc(64 << 20)
print(subprocess.run(sys.argv[1:], capture_output=True, text=True).stdout.split())
def target(fd):
    path = f"/proc/self/fd/{fd}"
    return os.readlink(path) if os.path.exists(path) else ""
print(sorted(path for path in map(target, os.listdir("/proc/self/fd")) if path.startswith("/dev/") and "accel" in path))
print(struct.unpack("=QQQ", open("/dev/shm/mem_usage_accel3", "rb").read())[::2])
print(os.stat("/dev/shm/mem_usage_accel3").st_mode & 0o777 == 0o666, os.getpid())
card.close()
print([name for name in os.listdir("/dev/shm") if name.startswith("mem")])
"""


def make_root(tmp_path: Path, *nodes: str) -> Path:
    (tmp_path / "dev/accel").mkdir(parents=True)
    (tmp_path / "dev/shm").mkdir()
    for node in nodes:
        (tmp_path / "dev/accel" / node).touch()
    return tmp_path


def open_paths() -> list[str]:
    """Of this process, below any directory named accel or shm."""
    links = [Path(f"/proc/self/fd/{fd.name}") for fd in Path("/proc/self/fd").iterdir()]
    return sorted(str(link.readlink()) for link in links if link.exists() and "accel" in str(link.readlink()))


def test_a_box_elsewhere_leaves_nothing(tmp_path):
    root = make_root(tmp_path, "accel0", "accel_controlD0")
    paths = RealPaths("/dev/shm/gaudi-0/default", 0, root)
    paths.publish(1 << 20)
    assert list((root / "dev/shm").iterdir()) == [] and open_paths() == []
    paths.close()


def test_nodes_are_open_and_memory_is_told_until_it_is_closed(tmp_path):
    root = make_root(tmp_path, "accel0", "accel_controlD0")
    paths = RealPaths(REAL_BOX, 0, root)
    paths.publish(5 << 20)
    content = (root / "dev/shm/mem_usage_accel0").read_bytes()
    version, timestamp, used = struct.unpack("=QQQ", content)
    assert (len(content), version, used) == (24, 1, 5 << 20) and abs(time.time() - timestamp) < 60
    assert len(open_paths()) == 3
    for _ in range(2):
        paths.close()
    assert open_paths() == [] and list((root / "dev/shm").iterdir()) == []


def test_a_card_without_a_node_is_not_visible(tmp_path):
    root = make_root(tmp_path, "accel3", "accel_controlD3")
    with pytest.raises(BoxError, match="card 0 is not visible here"):
        RealPaths(REAL_BOX, 0, root)
    assert open_paths() == []


def test_a_system_box_without_nodes_can_be_used(tmp_path):
    (tmp_path / "dev/shm").mkdir(parents=True)
    paths = RealPaths(REAL_BOX, 0, tmp_path)
    paths.publish(1)
    assert (tmp_path / "dev/shm/mem_usage_accel0").exists()
    paths.close()


def test_a_file_of_an_owner_that_was_killed_is_replaced_and_a_link_is_not_followed(tmp_path):
    root = make_root(tmp_path, "accel0", "accel_controlD0")
    victim = tmp_path / "victim"
    victim.write_text("theirs")
    (root / "dev/shm/mem_usage_accel0").symlink_to(victim)
    paths = RealPaths(REAL_BOX, 0, root)
    paths.publish(1)
    paths.close()
    assert victim.read_text() == "theirs"


@pytest.mark.parametrize("prefix", [(), UNPRIVILEGED], ids=["root", "user-namespace"])
def test_lsof_and_fuser_find_the_holder_of_a_card(box, prefix):
    for tool, words in {"lsof": ["-t"], "fuser": []}.items():
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
        done = run_under_exec(box, sys.executable, "-P", "-c", HOLD, tool, *words, "/dev/accel/accel3", prefix=prefix)
        assert done.stderr == ""
        found, nodes, shm, mode, left = done.stdout.splitlines()
        is_0666, pid = mode.split()
        assert found == str([pid]), tool
        assert nodes == str(["/dev/accel/accel3", "/dev/accel/accel_controlD3", "/dev/shm/mem_usage_accel3"])
        assert shm == str((1, 64 << 20)) and is_0666 == "True" and left == "[]"


def test_a_hidden_card_cannot_be_acquired(box):
    code = "from device.runtime import Card\nCard.acquire(1)"
    done = run_under_exec(box, sys.executable, "-P", "-c", code, options=("--devices", "0"))
    assert "card 1 is not visible here" in done.stderr
