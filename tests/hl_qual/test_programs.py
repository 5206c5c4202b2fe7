"""What belongs to the suite and is no test: manage_network_ifs.sh, monitor, the reports of many servers as one."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from private_box import PrivateBox

import hl_qual
from device.card import Box
from device.faults import find_fault, inject

PROGRAM = [sys.executable, "-P", "-m", "hl_qual"]


def run(box: PrivateBox, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *words], env=box.env, capture_output=True, text=True, check=False)


@pytest.fixture
def script(box: PrivateBox, tmp_path: Path) -> list[str]:
    """The script as an installation has it: hl_qual lies beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    source = Path(hl_qual.__file__).parent / "manage_network_ifs.sh"
    (folder / source.name).write_text(source.read_text())
    (folder / "hl_qual").write_text(f'#!/bin/sh\nexec {sys.executable} -P -m hl_qual "$@"\n')
    for path in folder.iterdir():
        path.chmod(0o755)
    return [str(folder / source.name)]


def consumers_count(script: list[str], env: dict[str, str]) -> int:
    """What acceptance scripts do: the number of lines with the word down."""
    words = ["sh", "-c", f"{script[0]} --status | grep down | wc -l"]
    return int(subprocess.run(words, env=env, capture_output=True, text=True, check=True).stdout)


def test_ports_go_up_and_down_and_the_status_has_the_known_text(box: PrivateBox, script: list[str]) -> None:
    status = subprocess.run([*script, "--status"], env=box.env, capture_output=True, text=True, check=True).stdout
    assert status.splitlines()[:4] == ["accel0", "3 ports down (8, 22, 23)", "accel1", "3 ports down (8, 22, 23)"]
    assert consumers_count(script, box.env) == 8
    subprocess.run([*script, "--up", "--no-progbar"], env=box.env, check=True)
    assert consumers_count(script, box.env) == 0
    subprocess.run([*script, "--down", "-v"], env=box.env, check=True, capture_output=True)
    assert consumers_count(script, box.env) == 8


def test_a_port_with_a_fault_stays_down_and_is_named(box: PrivateBox, script: list[str]) -> None:
    with Box.open(box.path) as opened:
        inject(opened, 2, find_fault("link-down"), 22)
    done = subprocess.run([*script, "--up"], env=box.env, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "accel2 port 22" in done.stderr
    assert consumers_count(script, box.env) == 1


@pytest.mark.parametrize(("words", "status"), [([], 2), (["--up", "--down"], 2), (["--stat"], 2), (["--check-pfc"], 3)])
def test_what_the_script_cannot_do_is_one_line(box: PrivateBox, words: list[str], status: int) -> None:
    done = run(box, "network-ifs", *words)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (status, "", 1)


def test_monitor_without_a_terminal_prints_statistics(box: PrivateBox, tmp_path: Path) -> None:
    ini = tmp_path / "m.ini"
    ini.write_text("[TEMP_MON]\nenable=true\nHIGH=1\n")
    done = run(box, "monitor", "-t", "0.6", "-mon_cfg", str(ini))
    assert done.returncode == 0 and "\x1b" not in done.stdout
    assert done.stdout.count("TEMP_MON out of bounds") == 8
    assert run(box, "monitor", "-mon_cfg", "nowhere").returncode == 2


def test_monitor_on_a_terminal_draws_until_interrupted(box: PrivateBox) -> None:
    pid, master = pty.fork()
    if pid == 0:
        os.execvpe(PROGRAM[0], [*PROGRAM, "monitor"], {**box.env, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"})
    seen = b""
    end_s = time.monotonic() + 60
    while b"0000:19:00.0" not in seen:
        assert time.monotonic() < end_s, seen
        seen += os.read(master, 4096)
    os.kill(pid, signal.SIGINT)
    try:
        while chunk := os.read(master, 4096):
            seen += chunk
    except OSError:
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert b"idle" in seen and b"power[W] min/avg/max" in seen


@pytest.fixture
def reports(box: PrivateBox, fake_env: dict[str, str], tmp_path: Path) -> list[Path]:
    """Of three servers; on the last one card 1 fails."""
    paths = []
    for number, behaviour in enumerate(("good", "good", "wrong")):
        logs = tmp_path / f"server{number}"
        env = {**fake_env, "HABANA_LOGS": str(logs), "FAKE_card1": behaviour}
        subprocess.run([*PROGRAM, "-t", "fake", "-c", "0,1"], env=env, capture_output=True, check=False)
        (path,) = (logs / "qual").glob("*.json")
        report = json.loads(path.read_text())
        path.write_text(json.dumps({**report, "host": f"server{number}"}))
        paths.append(path)
    return paths


def merged(box: PrivateBox, paths: list[Path], *words: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    out = box.logs / "all.json"
    done = run(box, "merge", *map(str, paths), "--json", str(out), "--html", str(box.logs / "all.html"), *words)
    return done, json.loads(out.read_text())


def test_reports_of_many_servers_become_one(box: PrivateBox, reports: list[Path]) -> None:
    done, values = merged(box, reports[:2], "--expected-servers", "2")
    assert (done.returncode, done.stdout.splitlines()[-1], values["verdict"]) == (0, "PASSED", "PASSED")
    done, values = merged(box, reports)
    assert (done.returncode, values["verdict"]) == (1, "FAILED")
    assert done.stdout.splitlines()[2] == "server2  fake  FAILED  1 of 2 cards  MME_MISCOMPARE x1"
    page = (box.logs / "all.html").read_text()
    assert page.count('class="badge PASSED"') == 2 and "MME_MISCOMPARE" in page and "server2" in page


def test_a_missing_server_or_a_file_that_is_no_report_is_not_passed(box: PrivateBox, reports: list[Path]) -> None:
    assert merged(box, reports[:2], "--expected-servers", "3")[0].returncode == 1
    bad = box.logs / "bad.json"
    bad.write_text('{"tool": "other"}')
    done, values = merged(box, [*reports[:2], bad])
    assert done.returncode == 1 and "not a report of hl_qual" in done.stdout
    assert values["servers"][0]["problem"] is not None
    assert run(box, "merge").returncode == 2
