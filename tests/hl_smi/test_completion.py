"""Completion: every switch is in every script, and the shells really complete."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hl_smi.completion import completion_text
from hl_smi.switches import COMMANDS, SHELLS, SWITCHES


@pytest.mark.parametrize("shell", SHELLS)
def test_script_knows_every_switch_and_command(shell: str) -> None:
    text = completion_text(shell)
    for switch in SWITCHES:
        assert all(f"--{name}" in text or f"-l {name}" in text for name in switch.names)
    assert all(command in text for command in COMMANDS)
    assert text.isascii()


@pytest.mark.parametrize("shell", SHELLS)
def test_script_is_valid(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    subprocess.run([shell, "-n"], input=completion_text(shell), text=True, check=True)


def completed(*words: str) -> list[str]:
    """What bash offers for the last word."""
    quoted = " ".join(f"'{word}'" for word in words)
    script = f"{completion_text('bash')}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}\n_hl_smi\n"
    result = subprocess.run(
        ["bash", "-c", script + 'printf "%s\\n" "${COMPREPLY[@]}"'], capture_output=True, text=True, check=True
    )
    return result.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--query-r",), ["--query-row-replacement"]),
        (("-q", "-d", "POW"), ["POWER"]),
        (("-n", ""), ["ports", "link", "stats"]),
        (("--nic", "=", "st"), ["stats"]),
        (("-Q", "index,pow"), ["index,power.draw", "index,power.max"]),
        (("st",), ["stream"]),
        (("topo", "-m"), ["-m"]),
        (("--completion", "z"), ["zsh"]),
        (("-l", "--js"), ["--json"]),
    ],
)
def test_bash_completes(words: tuple[str, ...], expected: list[str]) -> None:
    assert completed("hl-smi", *words) == expected


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("hl-smi --query-r", ["--query-row-replacement"]),
        ("hl-smi -q -d POW", ["POWER"]),
        ("hl-smi -n ", ["link", "ports", "stats"]),
        ("hl-smi -Q index,power.", ["index,power.draw", "index,power.max"]),
        ("hl-smi st", ["stream"]),
        ("hl-smi topo --js", ["--json"]),
        ("hl-smi --completion z", ["zsh"]),
    ],
)
def test_fish_completes(line: str, expected: list[str], tmp_path: Path) -> None:
    script = tmp_path / "hl-smi.fish"
    script.write_text(completion_text("fish"), encoding="ascii")
    # fish asks for the switches of a command that it knows; a stand-in is enough.
    (tmp_path / "hl-smi").write_text("#!/bin/sh\n", encoding="ascii")
    (tmp_path / "hl-smi").chmod(0o755)
    result = subprocess.run(
        ["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [offer.split("\t")[0] for offer in result.stdout.splitlines()] == expected


class Zsh:
    """An interactive zsh on a terminal of its own, with the completion loaded."""

    def __init__(self, home: Path) -> None:
        (home / "_hl-smi").write_text(completion_text("zsh"), encoding="ascii")
        near, far = os.openpty()
        self.near = near
        env = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb"}
        self.process = subprocess.Popen(
            ["zsh", "-f", "-i"], stdin=far, stdout=far, stderr=far, env=env, start_new_session=True
        )
        os.close(far)
        self.type(f"fpath=({home} $fpath); autoload -Uz compinit; compinit -u -D; unsetopt zle_bracketed_paste\r")
        self.type("echo rea''dy\r")
        self.read_until("ready")

    def type(self, text: str) -> None:
        os.write(self.near, text.encode())

    def read_until(self, expected: str) -> str:
        """Everything up to and with `expected`; what does not come in 20 seconds fails."""
        seen = ""
        while expected not in seen:
            ready, _, _ = select.select([self.near], [], [], 20)
            assert ready, f"{expected!r} never came: {seen!r}"
            seen += os.read(self.near, 65536).decode(errors="replace")
        return seen

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.near)


@pytest.fixture
def zsh(tmp_path: Path) -> Iterator[Zsh]:
    if shutil.which("zsh") is None:
        pytest.skip("no zsh here")
    shell = Zsh(tmp_path)
    yield shell
    shell.close()


def test_zsh_completes(zsh: Zsh) -> None:
    for typed, completed_to in (
        ("hl-smi --query-ro\t", "hl-smi --query-row-replacement"),
        ("hl-smi -q -d POW\t", "POWER"),
        ("hl-smi -Q index,power.d\t", "power.draw"),
        ("hl-smi str\t", "eam"),
        ("hl-smi --completion f\t", "ish"),
    ):
        zsh.type(typed)
        zsh.read_until(completed_to)
        zsh.type("\x15")
