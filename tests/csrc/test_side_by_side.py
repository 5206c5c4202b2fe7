"""Several boxes, processes and containers at once, and machines with no room left."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hlml_client import SUCCESS, HlmlClient
from private_box import PrivateBox

import hlml
from device.box_control import create_box, retire_box
from device.box_spec import load_box_spec
from device.card import Box
from device.errors import CardBusyError

LIBRARY = hlml.libdir() / "libhlml.so"
NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
HOLDER = """
import os, sys
from device.card import Box
from device.errors import CardBusyError
box = Box.open()
for line in sys.stdin:
    try:
        box.card(0).acquire()
        box.card(0).publish_memory(5 << 30)
        print("held", os.getpid(), flush=True)
    except CardBusyError as error:
        print("busy", error.pid, flush=True)
"""
FULL = """
mount -t tmpfs -o size=1m none /dev/shm || exit 9
cd / && gaudi-box up || exit 8
cat /dev/zero > /dev/shm/filler 2>/dev/null
hl-smi -Q index,power.draw -f csv,noheader || exit 7
gaudi-box up --name other 2>/dev/shm/none && exit 6
"$1" -c '
from device.card import Box
with Box.open() as box:
    for step in range(200):
        box.card(0).publish_activity((step % 2, 0, 0, 0, 0, 0), 1.0)
        box.card(0).publish_memory(step << 20)
    print("written", box.card(0).read().memory_used_bytes > 0)
' || exit 5
ls -A /dev/shm/gaudi-0
"""


@pytest.fixture
def boxes(tmp_path: Path) -> Iterator[list[Path]]:
    paths = [tmp_path / f"box{i}" for i in range(3)]
    for path, name in zip(paths, ("hls2", "hls2-7of8", "hls3"), strict=True):
        create_box(path, load_box_spec(name), path.name)
    yield paths
    for path in paths:
        retire_box(path)


def test_a_process_goes_from_box_to_box(boxes: list[Path]) -> None:
    """A parent in one box, a child in another, and one process in each of them in turn."""
    with HlmlClient(LIBRARY, {"GAUDI_BOX": str(boxes[0])}) as first, HlmlClient(LIBRARY, {}) as second:
        assert first.ask("init") == [SUCCESS]
        for path in [*boxes, *boxes]:
            assert second.ask(f"env GAUDI_BOX {path}") + second.ask("init") == [SUCCESS, SUCCESS]
            assert set(second.ask("look")) == {SUCCESS}
            assert set(first.ask("look")) == {SUCCESS}
            assert second.ask("shutdown") == [SUCCESS]


def test_boxes_side_by_side_share_nothing(boxes: list[Path]) -> None:
    opened = [Box.open(path) for path in boxes]
    for number, box in enumerate(opened):
        box.card(0).acquire()
        box.card(0).publish_memory(number << 30)
    base = [box.card(1).read().memory_used_bytes for box in opened]
    assert [box.card(0).read().memory_used_bytes - idle >> 30 for box, idle in zip(opened, base, strict=True)] == [
        0,
        1,
        2,
    ]
    opened[1].set_clock(rate=0.0)
    assert [box.clock_rate for box in opened] == [1.0, 0.0, 1.0]
    for box in opened:
        box.card(0).release()
        box.close()


def start_holder(box: PrivateBox) -> subprocess.Popen[str]:
    env = box.env | {"PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [*NAMESPACE, sys.executable, "-c", HOLDER], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def ask(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("acquire\n")
    process.stdin.flush()
    return process.stdout.readline().split()


@pytest.mark.skipif(os.geteuid() != 0, reason="PID namespaces need root")
def test_equal_pids_in_two_containers_are_two_holders(box: PrivateBox) -> None:
    holders = [start_holder(box), start_holder(box)]
    try:
        held, pid = ask(holders[0])
        assert (held, ask(holders[1])) == ("held", ["busy", pid])  # and the second has the same pid itself
        holders[0].kill()
        holders[0].wait()
        while (answer := ask(holders[1]))[0] == "busy":
            pass  # the kernel ends the namespace in its own time
        assert answer == ["held", pid]
        with Box.open() as opened, pytest.raises(CardBusyError):
            opened.card(0).acquire()
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()
            for pipe in (holder.stdin, holder.stdout):
                assert pipe is not None
                pipe.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_dev_shm_stops_new_boxes_and_nothing_else() -> None:
    """Publishing and reading allocate nothing; a box that finds no room leaves nothing behind."""
    env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LANG": "C.UTF-8"}
    command = ["unshare", "-m", "sh", "-c", FULL, "sh", sys.executable]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("0, ")]
    assert lines[-2:] == ["written True", "default"]
