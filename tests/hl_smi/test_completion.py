"""Completion: every switch is in every script, and bash really completes."""

from __future__ import annotations

import shutil
import subprocess

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
