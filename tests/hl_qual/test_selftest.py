"""Every fault of the catalogue has a test that finds it, and what finds it knows nothing of the catalogue."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import hl_qual
from device.faults import catalogue
from hl_qual.argv import Options, parse
from hl_qual.findings import CATALOGUE
from hl_qual.selftest.detectors import Detector, detectors, what_is_missing
from hl_qual.switches import TEST_NAMES

ROOM = Path(hl_qual.__file__).parent
MAY_KNOW_FAULTS = {"selftest/program.py", "network_ifs.py"}
FAULTY, HEALTHY = "0000:1a:00.0", "0000:19:00.0"
DETECTOR = Detector("x", "-t x", ("MME_MISCOMPARE",), place="element")


def test_every_fault_has_a_detector_or_a_reason_why_there_is_none() -> None:
    gaps = [fault.name for fault in catalogue() if fault.name not in detectors()]
    assert not gaps, "add them to hl_qual/selftest/detectors.toml"


@pytest.mark.parametrize("detector", detectors().values(), ids=lambda detector: detector.fault)
def test_a_detector_is_a_command_line_and_codes_that_exist(detector: Detector) -> None:
    if detector.why_not is not None:
        assert len(detector.why_not) > 20 and not detector.codes
        return
    options = parse([*detector.command.split(), "-c", "all", "-rmod", "parallel"], TEST_NAMES)
    assert isinstance(options, Options) and not options.is_campaign
    for pattern in detector.codes:
        assert any(re.fullmatch(pattern, code) for code in CATALOGUE), pattern
        assert set(pattern.split("|")) <= set(CATALOGUE), pattern


def report(codes: list[str], message: str = "element", healthy: str = "PASSED") -> dict[str, Any]:
    findings = [{"code": code, "message": message} for code in codes]
    cards = [
        {"bus_id": HEALTHY, "verdict": healthy, "findings": []},
        {"bus_id": FAULTY, "verdict": "FAILED" if codes else "PASSED", "findings": findings},
    ]
    verdict = "FAILED" if codes or healthy == "FAILED" else "PASSED"
    return {"verdict": verdict, "findings": [], "devices": cards}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (report(["MME_MISCOMPARE"]), []),
        (report([]), ["the run passed", "no MME_MISCOMPARE, found nothing"]),
        (report(["MME_THROUGHPUT"]), ["no MME_MISCOMPARE, found MME_THROUGHPUT"]),
        (report(["MME_MISCOMPARE"], "somewhere"), ["no finding says where (element)"]),
        (report(["MME_MISCOMPARE"], healthy="FAILED"), [f"healthy cards failed too: {HEALTHY}"]),
    ],
)
def test_found_means_the_right_code_on_the_right_card_with_the_place(values: dict[str, Any], said: list[str]) -> None:
    assert what_is_missing(DETECTOR, values, FAULTY) == said


def test_nothing_that_judges_can_ask_what_was_injected() -> None:
    knowing = set()
    for path in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            imports = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            imports += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            asks = isinstance(node, ast.Attribute) and node.attr in ("faults", "find_fault", "catalogue")
            if asks or any(name.startswith("device.fault") for name in imports):
                knowing.add(path.relative_to(ROOM).as_posix())
    assert knowing == MAY_KNOW_FAULTS


def test_the_self_test_finds_faults_in_a_server_of_its_own() -> None:
    words = [sys.executable, "-P", "-m", "hl_qual", "--self-test", "--only", "lost", "--only", "mme-bitflip"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "2 found, 0 missed, 0 not detectable"


def test_an_unknown_fault_is_a_usage_error() -> None:
    words = [sys.executable, "-P", "-m", "hl_qual", "--self-test", "--only", "gremlin"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "") and "gremlin" in done.stderr
