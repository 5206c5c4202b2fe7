"""`hl-smi top` on a real terminal emulator: tmux runs it, the screen is read back as a person sees it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from private_box import PrivateBox

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux here")

HL_SMI = Path(sys.executable).with_name("hl-smi")
SIZES = ((80, 24), (120, 40), (200, 60))


class Screen:
    """A tmux server of its own with one window that runs a command."""

    def __init__(self, socket: Path, size: tuple[int, int], box: PrivateBox, *words: str) -> None:
        self.socket = str(socket)
        self.env = box.env | {"TERM": "xterm-256color", "HOME": str(socket.parent), "LC_ALL": "C.UTF-8"}
        width, height = size
        command = f"{HL_SMI} {' '.join(words)}; echo status $?; exec sleep 60"
        self.tmux("-f", os.devnull, "new-session", "-d", "-x", str(width), "-y", str(height), command)

    def tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-S", self.socket, *words], env=self.env, capture_output=True, text=True, check=True
        )
        return done.stdout

    def text(self) -> str:
        return self.tmux("capture-pane", "-p")

    def wait_for(self, *expected: str) -> str:
        """The first screen with all of `expected`; fails with the last one after 20 seconds."""
        deadline = time.monotonic() + 20
        while not all(word in (screen := self.text()) for word in expected):
            assert time.monotonic() < deadline, f"{expected} never came:\n{screen}"
            time.sleep(0.05)
        return screen


@pytest.fixture
def open_screen(tmp_path: Path, box: PrivateBox) -> Iterator[Callable[..., Screen]]:
    screens: list[Screen] = []

    def start(size: tuple[int, int], *words: str) -> Screen:
        screens.append(Screen(tmp_path / f"tmux{len(screens)}", size, box, *words))
        return screens[-1]

    yield start
    for screen in screens:
        screen.tmux("kill-server")


@pytest.mark.parametrize("size", SIZES)
def test_screen_has_every_card_and_no_broken_line(open_screen: Callable[..., Screen], size: tuple[int, int]) -> None:
    screen = open_screen(size, "top")
    text = screen.wait_for("1-8 of 8")
    lines = text.splitlines()
    assert len(lines) <= size[1] and max(map(len, lines)) <= size[0]
    for index in range(8):
        (line,) = [line for line in lines if line.split()[:1] == [str(index)]]
        assert " C" in line or ("C " in line and "W" in line)
    assert "�" not in text


def test_keys_sort_filter_and_leave(open_screen: Callable[..., Screen]) -> None:
    screen = open_screen((120, 40), "top")
    screen.wait_for("1-8 of 8")
    screen.tmux("send-keys", "s")
    screen.wait_for("sort: module")
    screen.tmux("send-keys", "f", "m3", "Enter")
    screen.wait_for("1-1 of 1")
    screen.tmux("send-keys", "q")
    assert "1-1 of 1" not in screen.wait_for("status 0")  # the screen of before is back


def test_window_that_grows_and_shrinks_is_filled_anew(open_screen: Callable[..., Screen]) -> None:
    screen = open_screen((80, 24), "top")
    screen.wait_for("1-8 of 8")
    for width, height in ((150, 50), (60, 12), (100, 30)):
        screen.tmux("resize-window", "-x", str(width), "-y", str(height))
        screen.wait_for("of 8")
        deadline = time.monotonic() + 20
        while len(lines := screen.text().splitlines()) > height or not lines[-1].strip():
            assert time.monotonic() < deadline, "\n".join(lines)
            time.sleep(0.05)
        assert max(map(len, lines)) <= width
