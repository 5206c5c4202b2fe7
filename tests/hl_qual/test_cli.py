"""The command as a user starts it, where no card is needed: usage, help, tests that are not here, speed of imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hl_qual.cli import main
from hl_qual.switches import SELECTORS


def hl_qual(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-P", "-m", "hl_qual", *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("word", ["-gaud2", "--expected-devices", "nothere.ini"])
def test_wrong_arguments_name_the_word_and_print_no_report(word: str) -> None:
    done = hl_qual("-t", "matmul_stress", word)
    assert done.returncode == 2
    assert done.stdout == ""
    assert word in done.stderr and "usage:" in done.stderr
    assert "hl qual report" not in done.stderr


@pytest.mark.parametrize("words", ["-f2 -c all -rmod parallel", "-t hbm_bandwidth"])
def test_a_test_that_is_not_here_says_so_in_one_line(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hl_qual.cli.references", dict)
    assert main(words.split()) == 2
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert said.out == "" and "not available yet" in line


def test_a_test_with_a_switch_has_no_short_form() -> None:
    done = hl_qual("-t", "power_stress")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'power_stress' is neither a number of seconds nor a test" in done.stderr


def test_help_lists_every_selector() -> None:
    done = hl_qual("-gaudi2", "-h")
    assert done.returncode == 0
    for word in [*SELECTORS, "matmul_stress", "-dis_mon", "--expected-devices"]:
        assert word in done.stdout


@pytest.mark.parametrize("words", ["['-h']", "['-gaud2']", "['-nosuch', '-c', 'all', '-rmod', 'serial']"])
def test_help_and_usage_errors_load_nothing_heavy(words: str) -> None:
    code = (
        f"import sys; from hl_qual.cli import main; main({words}); "
        "print(sorted({'numpy', 'rich', 'hlml', 'device', 'asyncio'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
