"""The kernel log of a box: whole lines from whoever writes, bounded, and nothing that is no log is read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from private_box import PrivateBox

from device.box_control import create_box
from device.box_spec import load_box_spec
from device.card import Box
from device.kernel_log import read_log, render_line

WRITER = """
import sys
from device.card import Box
box = Box.open(sys.argv[1])
for i in range(300):
    box.card(int(sys.argv[2])).log(6, f"line {i} of {sys.argv[2]} " + "x" * 100)
"""


@pytest.fixture
def opened(box: PrivateBox) -> Iterator[Box]:
    with Box.open(box.path) as opened:
        yield opened


def test_lines_of_many_writers_are_whole_and_in_order(box: PrivateBox, opened: Box) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, box.path, str(i)]) for i in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    for card in range(3):
        texts = [line.text for line in read_log(opened) if line.card == card][1:]
        assert texts == [f"line {i} of {card} " + "x" * 100 for i in range(300)]


def test_the_log_is_bounded_and_keeps_the_newest(box: PrivateBox, opened: Box) -> None:
    for i in range(6000):
        opened.card(0).log(4, f"line {i} " + "x" * 100)
    sizes = [(box.path / name).stat().st_size for name in ("kmsg", "kmsg.old")]
    assert all(size < 300_000 for size in sizes)
    assert read_log(opened)[-1].text.startswith("line 5999 ")
    assert len(read_log(opened)) > 1800


def test_text_stays_on_its_line(opened: Box) -> None:
    opened.card(2).log(3, "two\nlines\x1b[31m " + "y" * 1000)
    last = read_log(opened)[-1]
    assert last.text.startswith("two lines [31m yyy")
    assert len(last.text) < 180


@pytest.mark.parametrize("kind", ["link", "pipe", "missing", "directory", "binary"])
def test_what_is_no_log_is_neither_read_nor_written(box: PrivateBox, opened: Box, kind: str) -> None:
    log = box.path / "kmsg"
    log.unlink()
    secret = box.path.parent / "secret"
    secret.write_text("6,1,0;secret\n")
    match kind:
        case "link":
            log.symlink_to(secret)
        case "pipe":
            os.mkfifo(log)
        case "directory":
            log.mkdir()
        case "binary":
            log.write_bytes(bytes(range(256)) * 10 + b"\n")
    opened.card(0).log(3, "hello")
    texts = [line.text for line in read_log(opened)]
    assert texts == (["hello"] if kind == "binary" else [])
    assert secret.read_text() == "6,1,0;secret\n"


def test_prefixes_follow_the_release(box: PrivateBox) -> None:
    for name, prefix in (("hls2", "accel accel0: Succ"), ("hls1", "habanalabs hl0: Succ")):
        create_box(box.path, load_box_spec(name), "box")
        with Box.open(box.path) as opened:
            lines = [render_line(line, opened) for line in read_log(opened)]
            assert lines[0].startswith("[    0.000000] habanalabs: loading driver, version: ")
            assert any(prefix in line for line in lines)


def test_those_who_may_not_write_read_it_all_the_same(box: PrivateBox, opened: Box) -> None:
    opened.card(1).log(3, "seen")
    with Box.open(box.path, for_writing=False) as reader:
        reader.card(1).log(3, "not written")
        assert read_log(reader)[-1].text == "seen"
