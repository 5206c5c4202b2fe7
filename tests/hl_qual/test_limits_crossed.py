"""Limits that no healthy card can meet: crossing one fails the cards with its own code, so each is really asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CASES = [
    ("-t matmul_stress -t 0.5", {"min_share_of_peak": 1.5, "mme_throughput_spread": -1}, "MME_THROUGHPUT"),
    ("-f2 -l high -t 0.5", {"high_min_share_of_peak": 1.5, "mme_throughput_spread": -1}, "MME_THROUGHPUT"),
    ("-f2 -l extreme -t 0.5", {"extreme_min_share_of_peak": 1.5, "mme_throughput_spread": -1}, "MME_THROUGHPUT"),
    ("-s -l extreme -t 2", {"extreme_min_power": 1e4, "max_starved_share": 1, "mean_power_spread": -1}, "POWER_BELOW"),
]
SECTIONS = {"-t": "matmul_stress", "-f2": "f2", "-s": "power_stress"}


@pytest.mark.parametrize(("words", "limits", "code"), CASES)
def test_a_limit_beyond_reach_fails_every_card(
    qualify: Callable[..., Any], tmp_path: Path, words: str, limits: dict[str, float], code: str
) -> None:
    ini = tmp_path / "limits.ini"
    lines = "".join(f"{name} = {value}\n" for name, value in limits.items())
    ini.write_text(f"[{SECTIONS[words.split()[0]]}]\n{lines}")
    done = qualify(f"{words} -gaudi2 -c 0,1,2 -rmod parallel -dis_mon {ini}")
    assert done.status == 1
    for codes in done.codes.values():
        assert any(each.startswith(code) for each in codes) and "NOT_HOMOGENEOUS" in codes
    assert all(done.twin["limits"][name]["basis"] == "user" for name in limits)


def test_memory_that_is_never_idle_keeps_the_test_from_starting(qualify: Callable[..., Any], tmp_path: Path) -> None:
    ini = tmp_path / "limits.ini"
    ini.write_text("[operational]\nidle_memory = 1\n")
    done = qualify(f"-t matmul_stress -c 0 {ini}")
    assert (done.status, list(done.codes.values())) == (3, [["MEMORY_NOT_IDLE"]])
