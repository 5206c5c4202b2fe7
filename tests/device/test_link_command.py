"""gaudi-box link: all states in words, both ends of a cable together."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from device.card import Box
from device.faults import find_fault, inject


def link(box: Any, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "device", "link", *words]
    return subprocess.run(command, env=box.env, capture_output=True, text=True, check=False)


def test_a_link_is_set_at_both_its_ends(box: Any) -> None:
    done = link(box, "0", "10", "down")
    assert done.stdout.splitlines()[1].split() == ["0", "10", "module", "3", "port", "10", "DOWN"]
    (row,) = json.loads(link(box, "2", "10", "--json").stdout)["links"]
    assert (row["peer_module"], row["peer_port"], row["state"]) == (2, 10, "DOWN")
    assert link(box, "0", "10", "up").stdout.splitlines()[1].endswith("UP")


def test_external_ports_and_flapping_links_have_words(box: Any) -> None:
    assert [line.split()[1:] for line in link(box, "0", "external").stdout.splitlines()[1:]] == [
        ["8", "external", "DOWN"],
        ["22", "external", "DOWN"],
        ["23", "external", "DOWN"],
    ]
    with Box.open(box.path) as opened:
        inject(opened, 0, find_fault("link-flap"), 5)
    assert link(box, "0", "5").stdout.rstrip().endswith(", flapping")


@pytest.mark.parametrize("words", [["x"], ["0", "99"], ["9"], ["0", "middle"]])
def test_what_is_not_there_is_one_line(box: Any, words: list[str]) -> None:
    done = link(box, *words)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (4, "", 1)
