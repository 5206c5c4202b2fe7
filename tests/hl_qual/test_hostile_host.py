"""What the surroundings may do to a run: close the terminal, fill the disk, take the temporary directory away."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from private_box import PrivateBox

COMMAND = [sys.executable, "-P", "-m", "hl_qual", "-t", "fake", "-c", "0,1"]


def runners(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children if Path(f"/proc/{child}/comm").read_text() == "runner\n"]
    except OSError:
        return []


def wait_for(condition: Callable[[], bool], limit_s: float = 60) -> None:
    end_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end_s, "condition was not met in time"
        time.sleep(0.02)


def on_a_terminal(env: dict[str, str], words: list[str], prefix: list[str]) -> tuple[int, int]:
    """hl_qual as the leader of a terminal's session: its pid, and the master side of the terminal."""
    pid, master = pty.fork()
    if pid == 0:
        os.execvpe(prefix[0] if prefix else COMMAND[0], [*prefix, *COMMAND, *words], env)
    wait_for(lambda: len(runners(pid)) == 2 or os.waitpid(pid, os.WNOHANG) != (0, 0))
    return pid, master


def drain(fd: int) -> None:
    os.set_blocking(fd, False)
    try:
        while os.read(fd, 65536):
            pass
    except OSError:
        pass


def ended(pid: int) -> int:
    """Exit status, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def report(box: PrivateBox) -> Path:
    (log,) = (box.logs / "qual").glob("*.log")
    return log


def test_closing_the_terminal_ends_the_run_with_a_report(box: PrivateBox, fake_env: dict[str, str]) -> None:
    pid, master = on_a_terminal(fake_env, ["-t", "60"], [])
    alive = runners(pid)
    drain(master)
    os.close(master)
    assert ended(pid) == 4
    assert report(box).read_text().splitlines()[-1] == "FAILED"
    assert "INTERRUPTED" in report(box).read_text()
    assert not [runner for runner in alive if Path(f"/proc/{runner}").exists()]


def test_under_nohup_the_run_goes_on_without_its_terminal(box: PrivateBox, fake_env: dict[str, str]) -> None:
    keep = "trap '' HUP; exec \"$@\""
    pid, master = on_a_terminal(fake_env, ["-t", "2"], ["/bin/sh", "-c", keep, "sh"])
    drain(master)
    os.close(master)
    assert ended(pid) == 0
    assert report(box).read_text().splitlines()[-1] == "PASSED"


def test_a_full_disk_under_stdout_is_said_once_and_the_report_is_whole(
    box: PrivateBox, fake_env: dict[str, str]
) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, "-t", "1"], env=fake_env, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert "No space left" in line and "the report file has everything" in line
    assert report(box).read_text().splitlines()[-1] == "PASSED"


def mounts() -> bool:
    words = ["unshare", "-Ur", "-m", "true"]
    return shutil.which("unshare") is not None and subprocess.run(words, capture_output=True).returncode == 0


@pytest.mark.skipif(not mounts(), reason="needs a mount namespace of its own")
@pytest.mark.parametrize("size", ["4k", "16k"])
def test_a_full_report_directory_leaves_no_half_report(box: PrivateBox, fake_env: dict[str, str], size: str) -> None:
    script = f'mount -t tmpfs -o size={size} none {box.logs} && "$@"; status=$?; ls -A {box.logs}/qual; exit $status'
    words = ["unshare", "-Ur", "-m", "sh", "-c", script, "sh", *COMMAND, "-t", "1", "-dis_mon"]
    done = subprocess.run(words, env=fake_env, capture_output=True, text=True)
    assert done.returncode == 5, done.stdout + done.stderr
    assert "No space left" in done.stderr and "HABANA_LOGS" in done.stderr
    assert done.stdout.splitlines()[-1] == "PASSED", "nothing but the report on stdout, and no file"


def test_no_place_for_temporary_files_is_not_executed(fake_env: dict[str, str], tmp_path: Path) -> None:
    words = [
        "-c",
        f"import tempfile; tempfile.tempdir = {str(tmp_path / 'gone')!r}; from hl_qual.cli import main; "
        "raise SystemExit(main())",
        "-t",
        "fake",
        "-c",
        "0",
    ]
    done = subprocess.run([sys.executable, "-P", *words], env=fake_env, capture_output=True, text=True)
    assert done.returncode == 3
    assert "no place for temporary files" in done.stdout and done.stdout.splitlines()[-1] == "FAILED"


def test_what_a_killed_run_leaves_is_removed_by_the_next_one(fake_env: dict[str, str], tmp_path: Path) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    env = {**fake_env, "TMPDIR": str(place)}
    with subprocess.Popen([*COMMAND, "-t", "60"], env=env, stdout=subprocess.DEVNULL) as first:
        wait_for(lambda: len(runners(first.pid)) == 2)
        (left,) = place.glob("hl_qual-*")
        first.send_signal(signal.SIGKILL)
    wait_for(lambda: subprocess.run([*COMMAND, "-t", "1"], env=env, capture_output=True).returncode == 0)
    assert not left.exists() and not list(place.iterdir())
