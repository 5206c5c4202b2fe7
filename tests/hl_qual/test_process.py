"""hl_qual as a process on a private box of emulated cards that really compute."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-P", "-m", "hl_qual"]
CONFORMANCE = Path(__file__).parent / "conformance.sh"


def environment(box: Any) -> dict[str, str]:
    return {**box.env, **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}}


def hl_qual(box: Any, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], env=environment(box), capture_output=True, text=True, check=False)


def log_of(box: Any) -> Path:
    """The newest file of the report directory, found as consumers find it."""
    directory = Path(box.env["HABANA_LOGS"]) / "qual"
    names = subprocess.run(["ls", "-rt", str(directory)], capture_output=True, text=True, check=True).stdout.split()
    return directory / names[-1]


def twin_of(box: Any) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(log_of(box).with_suffix(".json").read_text())
    return values


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for(condition: Callable[[], bool], limit_s: float = 60) -> None:
    end_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end_s, "condition was not met in time"
        time.sleep(0.02)


def comms(pid: int) -> list[str]:
    try:
        return [Path(f"/proc/{child}/comm").read_text().strip() for child in children(pid)]
    except FileNotFoundError:
        return []


@contextmanager
def running(box: Any, *words: str) -> Iterator[subprocess.Popen[str]]:
    """hl_qual with all its runners alive and named."""
    with subprocess.Popen([*COMMAND, *words], env=environment(box), stdout=subprocess.PIPE, text=True) as process:
        try:
            wait_for(lambda: process.poll() is not None or comms(process.pid).count("runner") == 8)
            assert process.poll() is None
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def codes(box: Any) -> dict[int, list[str]]:
    devices = twin_of(box)["devices"]
    return {device["module_id"]: [finding["code"] for finding in device["findings"]] for device in devices}


def test_healthy_box_passes_and_every_consumer_agrees(box: Any) -> None:
    done = hl_qual(box, "-t", "matmul_stress", "-t", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    answer = subprocess.run(["bash", str(CONFORMANCE), str(log_of(box))], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines() == ["8 passed, 0 failed PASSED", "one", "clean", "brackets"]
    assert "FAILED" not in done.stdout
    twin = twin_of(box)
    for device in twin["devices"]:
        coverage = device["coverage"]
        assert coverage["executed"] == coverage["checked"] >= 2
        assert coverage["mismatched"] == 0
        assert device["metrics"][0]["value"] >= device["metrics"][0]["limit"]
        assert device["telemetry"]["power"]["samples"] >= 1


def test_killed_runner_fails_its_card_only(box: Any) -> None:
    with running(box, "-t", "matmul_stress", "-t", "4") as process:
        os.kill(children(process.pid)[2], signal.SIGKILL)
        output = process.communicate()[0]
    assert process.returncode == 1
    assert "runner was ended by SIGKILL" in output
    assert sorted(len(found) for found in codes(box).values()) == [0] * 7 + [1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_ends_the_runners_and_leaves_a_failed_report(box: Any, number: int) -> None:
    with running(box, "-t", "matmul_stress", "-t", "60") as process:
        runners = children(process.pid)
        process.send_signal(number)
        output = process.communicate()[0]
    assert process.returncode == 4
    assert output.splitlines()[-1] == "FAILED"
    assert log_of(box).read_text().splitlines()[-1] == "FAILED"
    assert all(found == ["INTERRUPTED"] for found in codes(box).values())
    assert not [pid for pid in runners if Path(f"/proc/{pid}").exists()]


def test_runners_die_with_hl_qual(box: Any) -> None:
    with running(box, "-t", "matmul_stress", "-t", "60") as process:
        runners = children(process.pid)
        process.kill()
        process.communicate()
    wait_for(lambda: not [pid for pid in runners if Path(f"/proc/{pid}").exists()])


def test_held_card_is_busy_and_nothing_is_executed(box: Any) -> None:
    from device.runtime import Card

    with Card.acquire(3):
        done = hl_qual(box, "-t", "matmul_stress", "-t", "2")
    assert done.returncode == 3
    assert f"process {os.getpid()}" in done.stdout
    assert "Start running plugin" not in done.stdout


def test_other_family_is_not_executed(box: Any) -> None:
    done = hl_qual(box, "-gaudi3", "-t", "matmul_stress")
    assert done.returncode == 3
    assert "no Gaudi3 card was found" in done.stdout


def test_unwritable_report_is_said_and_nothing_is_lost(box: Any) -> None:
    box.env["HABANA_LOGS"] = "/dev/null"
    done = hl_qual(box, "-t", "matmul_stress", "-t", "1", "-c", "all", "-rmod", "parallel")
    assert done.returncode == 5
    (line,) = done.stderr.splitlines()
    assert "HABANA_LOGS" in line
    assert done.stdout.splitlines()[-1] == "PASSED"
