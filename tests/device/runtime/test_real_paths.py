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


def open_paths(root: Path) -> list[str]:
    """What this process has open below a directory."""
    links = [Path(f"/proc/self/fd/{fd.name}") for fd in Path("/proc/self/fd").iterdir()]
    targets = [str(link.readlink()) for link in links if link.is_symlink() and link.exists()]
    return [target for target in targets if target.startswith(str(root))]


def test_a_box_elsewhere_leaves_nothing(tmp_path):
    root = make_root(tmp_path, "accel0", "accel_controlD0")
    paths = RealPaths("/dev/shm/gaudi-0/default", 0, root)
    paths.publish(1 << 20)
    assert list((root / "dev/shm").iterdir()) == [] and open_paths(root) == []
    paths.close()


def test_nodes_are_open_and_memory_is_told_until_it_is_closed(tmp_path):
    root = make_root(tmp_path, "accel0", "accel_controlD0")
    paths = RealPaths(REAL_BOX, 0, root)
    paths.publish(5 << 20)
    content = (root / "dev/shm/mem_usage_accel0").read_bytes()
    version, timestamp, used = struct.unpack("=QQQ", content)
    assert (len(content), version, used) == (24, 1, 5 << 20) and abs(time.time() - timestamp) < 60
    assert len(open_paths(root)) == 3
    for _ in range(2):
        paths.close()
    assert open_paths(root) == [] and list((root / "dev/shm").iterdir()) == []


def test_a_card_without_a_node_is_not_visible(tmp_path):
    root = make_root(tmp_path, "accel3", "accel_controlD3")
    with pytest.raises(BoxError, match="card 0 is not visible here"):
        RealPaths(REAL_BOX, 0, root)
    assert open_paths(root) == []


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


TELL = """
import os, struct, time, sys
import hlml
def tell(age_s, used, version=1, card=2):
    with open(f"/dev/shm/mem_usage_accel{card}", "wb") as file:
        file.write(struct.pack("=QQQ", version, int(time.time()) - age_s, used))
    time.sleep(1.2)
    devices = hlml.devices()
    snapshot = devices[card].snapshot()
    assert snapshot.memory_used_bytes == devices[card].memory_used_bytes
    assert snapshot.memory_used_bytes + snapshot.memory_free_bytes == snapshot.memory_total_bytes
    return (snapshot.memory_used_bytes >> 20, devices[card - 1].memory_used_bytes >> 20)
hlml.init()
print(tell(0, 1000 << 20), tell(60, 1000 << 20), tell(0, 1 << 60), tell(0, 5 << 20, version=0))
os.unlink("/dev/shm/mem_usage_accel2")
os.symlink("/dev/zero", "/dev/shm/mem_usage_accel2")
time.sleep(1.2)
print(hlml.devices()[2].memory_used_bytes >> 20)
"""


def test_what_a_framework_tells_is_believed_while_it_is_fresh(box):
    done = run_under_exec(box, sys.executable, "-P", "-c", TELL)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["(1768, 768) (768, 768) (98304, 768) (768, 768)", "768"]


KILLED = """
import os, signal, subprocess, sys, time
import hlml
hold = "from device.runtime import Card; c = Card.acquire(0); c.malloc(256 << 20); print('held', flush=True); input()"
process = subprocess.Popen([sys.executable, "-P", "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
process.stdout.readline()
hlml.init()
used = lambda: hlml.devices()[0].memory_used_bytes >> 20
print(used())
process.kill(); process.wait()
end = time.monotonic() + 10
while used() != 768 and time.monotonic() < end: time.sleep(0.05)
print(used(), os.path.exists("/dev/shm/mem_usage_accel0"))
"""


def test_the_memory_of_a_killed_holder_is_free_although_its_word_is_still_there(box):
    done = run_under_exec(box, sys.executable, "-P", "-c", KILLED)
    assert done.stdout.splitlines() == ["1024", "768 True"]


VISIBLE = """
import ctypes, hlml
library = ctypes.CDLL("/usr/lib/habanalabs/libhlml.so")
library.hlml_init()
count, minor = ctypes.c_uint(), ctypes.c_uint()
library.hlml_device_get_count(ctypes.byref(count))
minors = []
for index in range(count.value + 1):
    handle = ctypes.c_void_p()
    if library.hlml_device_get_handle_by_index(index, ctypes.byref(handle)) == 0:
        library.hlml_device_get_minor_number(handle, ctypes.byref(minor))
        minors.append(minor.value)
found = [library.hlml_device_get_handle_by_pci_bus_id(bus, ctypes.byref(handle))
         for bus in (b"0000:19:00.0", b"0000:43:00.0", b"0000:b3:00.0")]
hlml.init()
print(count.value, minors, found, [device.index for device in hlml.devices()], hlml.box_info().device_count)
"""


@pytest.mark.parametrize("prefix", [(), UNPRIVILEGED], ids=["root", "user-namespace"])
def test_libraries_leave_out_cards_without_a_node_whatever_the_environment_is(box, prefix):
    words = ("env", "-i", sys.executable, "-P", "-c", VISIBLE)
    done = run_under_exec(box, *words, options=("--devices", "0,3"), prefix=prefix)
    assert done.stdout == "2 [0, 3] [0, 0, 6] [0, 3] 2\n"
    done = run_under_exec(box, *words, HABANA_VISIBLE_DEVICES="none", prefix=prefix)
    assert done.stdout == "0 [] [6, 6, 6] [] 0\n"
    done = run_under_exec(box, *words, prefix=prefix)
    assert done.stdout.startswith("8 [0, 1, 2, 3, 4, 5, 6, 7]")
