"""`gaudi-box sysfs`: a living directory, writes that act, a clean end."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from private_box import PrivateBox
from under_exec import require_namespaces

from device.box_control import create_box, retire_box, set_driver
from device.box_spec import load_box_spec
from device.card import Box
from device.errors import BoxError
from device.sysfs.control import apply_write, parse_number
from device.sysfs.follow import write_tree
from device.sysfs.live import LiveTree
from device.sysfs.mirror import Mirror
from device.sysfs.source import BoxSource

HOME = "sys/class/accel/accel0/device"


@pytest.fixture
def live(box: PrivateBox, tmp_path: Path):
    root = tmp_path / "tree"
    root.mkdir()
    reported: list[str] = []
    tree = LiveTree(BoxSource(box.path, frozenset({0, 1})), Mirror(root), reported.append)
    tree.refresh()
    yield tree, root, reported
    tree.close()


def test_a_write_to_max_power_sets_the_limit_of_that_card_only(live, box):
    tree, root, reported = live
    (root / HOME / "max_power").write_text("400000\n")
    tree.refresh()
    with Box.open(box.path) as opened:
        assert [card.read().limit_mw for card in opened.cards[:2]] == [400_000, 550_000]
    assert (root / HOME / "max_power").read_text() == "400000\n"
    assert reported == []


@pytest.mark.parametrize("text", ["full", "1", "99999999", "-1", "", "4e5"])
def test_a_bad_power_limit_changes_nothing_and_is_reported(live, box, text):
    tree, root, reported = live
    (root / HOME / "max_power").write_text(text)
    tree.refresh()
    with Box.open(box.path) as opened:
        assert opened.cards[0].read().limit_mw == 550_000
    if text:
        assert len(reported) == 1 and "max_power of card 0" in reported[0]
        assert (root / HOME / "max_power").read_text() == "550000\n"


def test_a_write_to_hard_reset_resets(live, box):
    tree, root, _ = live
    (root / HOME / "hard_reset").write_text("1\n")
    tree.refresh()
    assert (root / HOME / "status").read_text() == "In reset\n"
    assert (root / HOME / "max_power").read_text() == ""
    with Box.open(box.path) as opened:
        opened.set_clock(step_ns=60_000_000_000)
    tree.refresh()
    assert (root / HOME / "status").read_text() == "Operational\n"
    assert (root / HOME / "hard_reset_cnt").read_text() == "1\n"


def test_unloading_the_driver_takes_its_files_away_and_loading_brings_them_back(live, box):
    tree, root, _ = live
    set_driver(box.path, False)
    tree.refresh()
    assert not (root / "sys/class/accel").exists() and not (root / "sys/module/habanalabs").exists()
    assert len(list((root / "sys/bus/pci/devices").iterdir())) == 2
    set_driver(box.path, True)
    tree.refresh()
    assert (root / HOME / "status").read_text() == "Operational\n"


def test_a_replaced_box_is_followed_and_one_that_is_down_shows_nothing(live, box):
    tree, root, _ = live
    create_box(box.path, load_box_spec("hls3"), "box")
    tree.refresh()
    assert (root / HOME / "device_type").read_text() == "GAUDI3\n"
    retire_box(box.path)
    tree.refresh()
    assert not (root / "sys/bus").exists() or not list((root / "sys/bus").rglob("vendor"))


def test_a_load_shows_in_the_sensors(live, box):
    tree, root, _ = live
    power = root / "sys/class/hwmon/hwmon0/power1_input"
    idle = int(power.read_text())
    with Box.open(box.path) as opened:
        opened.cards[0].acquire()
        opened.cards[0].publish_activity((1.0, 0.0, 0.0, 0.5, 0.0, 0.0), 1.0)
        opened.set_clock(step_ns=400_000_000)
        tree.refresh()
        assert int(power.read_text()) > idle + 50_000_000
        assert (root / "sys/module/habanalabs/refcnt").read_text() == "1\n"


def test_the_highest_reading_stays_until_its_history_is_reset(live, box):
    tree, root, reported = live
    home = root / "sys/class/hwmon/hwmon0"
    with Box.open(box.path) as opened:
        opened.cards[0].acquire()
        opened.cards[0].publish_activity((1.0, 0.0, 0.0, 0.5, 0.0, 0.0), 1.0)
        opened.set_clock(step_ns=400_000_000)
        tree.refresh()
        peak = int((home / "power1_input").read_text())
        opened.cards[0].release()
        opened.set_clock(step_ns=600_000_000_000)
        tree.refresh()
        assert int((home / "power1_input_highest").read_text()) == peak > int((home / "power1_input").read_text())
        (home / "power1_reset_history").write_text("1\n")
        (home / "temp1_reset_history").write_text("all\n")
        tree.refresh()
        assert int((home / "power1_input_highest").read_text()) < peak
        assert int((home / "temp1_highest").read_text()) > int((home / "temp1_input").read_text())
    assert len(reported) == 1 and "temp1_reset_history" in reported[0]


def test_numbers_are_read_as_the_kernel_reads_them():
    assert [parse_number(text) for text in (b"1", b"0x10\n", b"010", b"+5", b"0")] == [1, 16, 8, 5, 0]
    for text in (b"", b"\n", b" 1", b"1 2", b"0x", b"08", b"-1", b"1\n\n", b"\xff"):
        with pytest.raises(OSError, match="Invalid argument"):
            parse_number(text)


def test_only_known_attributes_act(box):
    with Box.open(box.path) as opened, pytest.raises(OSError, match="not permitted"):
        apply_write(opened, 0, "clk_max_freq_mhz", b"1000")


def test_only_directories_of_its_own_are_written(box, tmp_path):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "file").write_text("theirs")
    with pytest.raises(BoxError, match="not empty"):
        write_tree(foreign, box.path, print)
    assert (foreign / "file").read_text() == "theirs"
    own = tmp_path / "own"
    for _ in range(2):
        write_tree(own, box.path, print, frozenset({3}))
        assert [path.name for path in (own / "sys/class/accel").iterdir() if "D" not in path.name] == ["accel3"]


def start(box: PrivateBox, *words: str) -> subprocess.Popen[str]:
    command = [shutil.which("gaudi-box") or "gaudi-box", "sysfs", *words]
    return subprocess.Popen(command, env=box.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_following_ends_cleanly_and_leaves_no_frozen_value(box, tmp_path):
    root = tmp_path / "tree"
    process = start(box, str(root), "--follow", "--devices", "0")
    assert process.stderr is not None
    assert "refreshing" in process.stderr.readline()
    assert (root / HOME / "status").exists()
    process.send_signal(signal.SIGTERM)
    out, error = process.communicate(timeout=30)
    assert process.returncode == 0 and error == "" and not root.exists()
    for words in (f"-v {root}/sys/class:/sys/class:ro", "mountPath: /sys/bus", "/run/gaudi/default"):
        assert words in out


def test_a_write_reaches_the_box_while_it_is_followed(box, tmp_path):
    root = tmp_path / "tree"
    process = start(box, str(root), "--follow", "--for", "60", "--devices", "0")
    assert process.stderr is not None
    process.stderr.readline()
    (root / HOME / "max_power").write_text("500000")
    end = time.monotonic() + 30
    with Box.open(box.path) as opened:
        while opened.cards[0].read().limit_mw != 500_000 and time.monotonic() < end:
            time.sleep(0.05)
        assert opened.cards[0].read().limit_mw == 500_000
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    process.communicate()


def test_bad_words_are_usage_errors(box, tmp_path):
    for words in (["--for", "3"], ["--devices", "x"], []):
        process = start(box, *([str(tmp_path / "t")] if words else []), *words)
        _, error = process.communicate(timeout=30)
        assert process.returncode == 2 and error.count("\n") == 1
    process = start(box, str(tmp_path / "t"), "--devices", "9")
    _, error = process.communicate(timeout=30)
    assert process.returncode == 4 and "no card 9" in error


def test_a_full_disk_is_one_line(box, tmp_path):
    require_namespaces()
    small = tmp_path / "small"
    small.mkdir()
    command = f"mount -t tmpfs -o size=64k tmpfs {small} && gaudi-box sysfs {small}/tree"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command], env=box.env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 4 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "No space left" in done.stderr
