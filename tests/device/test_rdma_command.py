"""gaudi-box rdma: measures a link, finds its other end, refuses what no cable makes, in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from device.card import Box
from device.faults import find_fault, inject
from device.rdma_command import parse_end


def rdma(box: Any, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "device", "rdma", *words]
    return subprocess.run(command, env=box.env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("operation", ["write", "read", "send"])
def test_a_link_is_measured_to_its_other_end(box: Any, operation: str) -> None:
    done = rdma(box, "--from", "0:10", "--op", operation, "--count", "16", "--json")
    run = json.loads(done.stdout)
    assert (run["destination"], run["wrong_bytes"], run["retransmissions"]) == ("card 2 port 10", 0, 0)
    assert 90 < run["gbps"] < 98.5
    assert 2 < run["latency_us"] < 3
    assert run["dilation"] > 1


def test_a_port_is_chosen_by_the_card_that_is_wanted(box: Any) -> None:
    done = rdma(box, "--from", "0", "--to", "2", "--count", "2")
    assert done.stdout.startswith("write card 0 port 10 -> card 2 port 10: 2 messages of 1048576 bytes")


def test_a_bad_link_shows(box: Any) -> None:
    with Box.open(box.path) as opened:
        inject(opened, 0, find_fault("link-ber"), 1e-3, seed=1, address=10)
    run = json.loads(rdma(box, "--from", "0:10", "--to", "loopback", "--json").stdout)
    assert run["crc_errors"] > 0 and run["retransmissions"] > 0 and run["wrong_bytes"] == 0
    assert run["gbps"] < 97


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--from", "x"], "'x' is no card or port"),
        (["--from", "0:24"], "no port 24 on card 0"),
        (["--from", "0:8"], "leads to no card of this box"),
        (["--from", "0:10", "--to", "5"], "leads to 2:10, not to 5"),
        (["--from", "9"], "there is no card 9"),
    ],
)
def test_what_does_not_fit_is_one_line(box: Any, words: list[str], text: str) -> None:
    done = rdma(box, *words)
    assert (done.returncode, done.stdout) == (4, "")
    (line,) = done.stderr.splitlines()
    assert text in line


def test_a_link_that_is_down_is_the_retry_error(box: Any) -> None:
    with Box.open(box.path) as opened:
        opened.set_link(0, 10, False)
    done = rdma(box, "--from", "0:10")
    assert done.returncode == 13 and "RETRY_EXC_ERR" in done.stderr


def test_ends_are_cards_or_ports() -> None:
    assert parse_end("3") == (3, None)
    assert parse_end("3:10") == (3, 10)
