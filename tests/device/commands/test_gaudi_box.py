"""gaudi-box as a program: what its commands print, their exit statuses, and how slips are answered."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from private_box import PrivateBox

from device.box_control import retire_box


def gaudi_box(box: PrivateBox, *arguments: object, status: int = 0) -> str:
    command = ["gaudi-box", *map(str, arguments)]
    done = subprocess.run(command, env=box.env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == status, done.stderr
    if status:
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr
    assert done.stderr == ""
    return done.stdout


def document(box: PrivateBox, *arguments: object) -> Any:
    return json.loads(gaudi_box(box, *arguments, "--json"))


def test_reset_passes_through_the_log_and_the_table(box: PrivateBox) -> None:
    assert gaudi_box(box, "reset", "3") == "card 3: in reset, number 1\n"
    card = document(box, "show")["cards"][3]
    assert (card["status"], card["reset_count"]) == ("in reset", 1)
    gaudi_box(box, "clock", "--step", "10s")
    log = gaudi_box(box, "dmesg").splitlines()
    assert log[0].endswith("habanalabs: loading driver, version: 1.24.1-b336d5e")
    assert log[1].endswith("habanalabs 0000:19:00.0: habanalabs device found [1da3:1020] (rev 1)")
    assert log[-1].endswith("accel accel3: Successfully finished resetting the 0000:43:00.0 device")
    assert [line["card"] for line in document(box, "dmesg")][-2:] == [3, 3]


def test_the_driver_is_unloaded_and_loaded(box: PrivateBox) -> None:
    gaudi_box(box, "driver", "unload")
    assert "is not loaded" in gaudi_box(box, "driver")
    assert "gaudi-box driver load" in gaudi_box(box, "show", status=4)
    gaudi_box(box, "driver", "load")
    assert len(document(box, "show")["cards"]) == 8


def test_a_driver_in_use_stays(box: PrivateBox) -> None:
    holder = subprocess.Popen(["gaudi-box", "load", "2", "--for", "60"], env=box.env, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None and holder.stdout.readline()
        assert f"card 2 is held by gaudi-box (pid {holder.pid})" in gaudi_box(box, "driver", "unload", status=4)
        assert document(box, "show")["cards"][2]["holder"] == {"pid": holder.pid, "comm": "gaudi-box"}
    finally:
        holder.send_signal(signal.SIGINT)
        holder.wait()
        holder.stdout.close()


def test_up_takes_release_and_key(box: PrivateBox) -> None:
    before = document(box, "show")
    (made,) = document(box, "up", "hls2", "--release", "1.18", "--key", "other")
    after = document(box, "show")
    assert (made["release"], made["key"], after["release"]) == ("1.18", "other", "1.18")
    assert not {card["serial"] for card in before["cards"]} & {card["serial"] for card in after["cards"]}
    assert "did you mean '1.18'" in gaudi_box(box, "up", "--release", "1.188", status=3)


def test_a_fleet_goes_up_and_down(box: PrivateBox, tmp_path: Path) -> None:
    name = f"test-fleet-{os.getpid()}"
    path = tmp_path / "fleet.toml"
    path.write_text(f'[[boxes]]\nname = "{name}-{{n}}"\ncount = 3\n')
    try:
        assert [made["name"] for made in document(box, "up", path)] == [f"{name}-{n}" for n in range(3)]
        assert {f"{name}-{n}" for n in range(3)} <= {each["name"] for each in document(box, "list")}
    finally:
        gaudi_box(box, "down", path, "--purge")
    assert not {each["name"] for each in document(box, "list") if each["name"].startswith(name)}


def test_down_remembers_and_purge_forgets(box: PrivateBox) -> None:
    gaudi_box(box, "reset", "0")
    gaudi_box(box, "down")
    gaudi_box(box, "up")
    assert document(box, "show")["cards"][0]["reset_count"] == 1
    gaudi_box(box, "down", "--purge")
    gaudi_box(box, "up")
    assert document(box, "show")["cards"][0]["reset_count"] == 0


def test_absent_cards_come_back_after_heal(box: PrivateBox) -> None:
    gaudi_box(box, "inject", "5", "absent-at-boot")
    gaudi_box(box, "up")
    assert len(document(box, "show")["cards"]) == 7
    assert "1 absent card will be back" in gaudi_box(box, "heal")
    gaudi_box(box, "up")
    assert len(document(box, "show")["cards"]) == 8


def test_conditions_are_shown_with_the_fault(box: PrivateBox) -> None:
    gaudi_box(box, "inject", 3, "mme-bitflip", "--when", "temp>75", "--one-in", "1e5", "--once", "--seed", 7)
    (fault,) = document(box, "show")["cards"][3]["fault_details"]
    assert (fault["name"], fault["condition"]) == ("mme-bitflip", "when temp>75 C, one in 100000, once")


def test_a_state_waits_for_its_time(box: PrivateBox) -> None:
    gaudi_box(box, "clock", "--rate", "1000")
    before = document(box, "clock")["box_time_ns"]
    text = gaudi_box(box, "inject", "2", "link-down", "--degree", "5", "--after", "90s")
    assert text.startswith("waiting for card 2")
    assert document(box, "clock")["box_time_ns"] - before >= 90e9
    assert document(box, "show")["cards"][2]["links_up"] == 20


def test_play_exits_with_the_first_error(box: PrivateBox, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('[[step]]\nreset = { cards = "9" }\n')
    assert "1 steps" in gaudi_box(box, "play", path, "--dry-run")
    assert document(box, "play", path, "--dry-run")["steps"] == [{"at_s": 0.0, "action": "reset card 9"}]
    done = subprocess.run(["gaudi-box", "play", path], env=box.env, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "there is no card 9" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["injct"], "there is no command 'injct'; did you mean 'inject'?"),
        (["show", "--jsn"], "--json"),
        (["inject", "3", "airflw"], "did you mean 'airflow'?"),
        (["inject", "9", "airflow"], "there is no card 9"),
        (["inject", "3", "airflow", "--once"], "is a state"),
        (["inject", "3", "mme-bitflip", "--when", "tmp>3"], "did you mean 'temp'?"),
        (["inject", "3", "mme-bitflip", "--address", "0x10"], "has no address"),
        (["up", "hls4"], "did you mean 'hls"),
        (["up", "--name", "a/b"], "a/b"),
        (["clock", "--rate", "1e9"], "lies between 0 and 3600"),
        (["clock", "--step", "9" * 400], "is no time"),
        (["play", "/nonexistent.toml"], "cannot be read"),
        (["driver", "explode"], "explode"),
    ],
)
def test_a_slip_is_one_line_that_says_what_to_do(box: PrivateBox, arguments: list[str], words: str) -> None:
    done = subprocess.run(["gaudi-box", *arguments], env=box.env, capture_output=True, text=True, check=False)
    assert done.returncode in (2, 3, 4)
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_proposes_commands_templates_and_faults(box: PrivateBox, shell: str) -> None:
    script = gaudi_box(box, "completion", shell)
    assert "_GAUDI_BOX_COMPLETE" in script
    if shell == "fish" or shutil.which(shell) is None:
        return
    done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [("gaudi-box in", "inject"), ("gaudi-box up hls2p", "hls2pcie"), ("gaudi-box inject 3 mme", "mme-bitflip"),
     ("gaudi-box up --release 1.2", "1.22")],
)  # fmt: skip
def test_bash_completes(box: PrivateBox, words: str, expected: str) -> None:
    count = len(words.split()) - 1
    env = {**box.env, "_GAUDI_BOX_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    done = subprocess.run(["gaudi-box"], env=env, capture_output=True, text=True, check=False)
    assert expected in [line.split(",")[1] for line in done.stdout.splitlines()]


def test_dmesg_follows_until_the_box_is_gone(box: PrivateBox) -> None:
    process = subprocess.Popen(["gaudi-box", "dmesg", "--follow"], env=box.env, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    gaudi_box(box, "inject", "1", "link-down", "--degree", "3")
    deadline = time.monotonic() + 30
    while "Card 6 Port 3: link down" not in (line := process.stdout.readline()):
        assert line and time.monotonic() < deadline
    retire_box(box.path)
    assert process.wait(30) == 10
    assert "was taken down" in process.stderr.read()
    process.stdout.close()
    process.stderr.close()
