"""`hl_qual --self-test`: injects every fault of the catalogue into a private box and asks whether it was found.

Each fault gets a fresh server. hl_qual runs as a program there and knows nothing about the fault; what it says is read
from its JSON report. Healthy cards beside the faulty one must not fail.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from hl_qual.errors import ExitStatus
from hl_qual.selftest.detectors import Detector, detectors, what_is_missing

__all__ = ["main", "outcome_of"]

_SERVER = "hls2"
_FAULTY = 1
# Three cards, so that a firmware or a figure that is not that of the others has others to differ from.
_CARDS = "0,1,2"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"hl_qual --self-test: {message}; --help lists the switches", file=sys.stderr)
        raise SystemExit(int(ExitStatus.USAGE))


def main(words: Sequence[str]) -> int:
    """Exit status 0 if every fault that can be found was found; 1 if not; 2 wrong arguments."""
    from device.faults import catalogue

    parser = _Parser(prog="hl_qual --self-test", allow_abbrev=False, description=__doc__.split("\n")[0])
    parser.add_argument("--only", metavar="FAULT", action="append", help="only this fault; may be given several times")
    only = parser.parse_args(list(words)).only
    names = [fault.name for fault in catalogue()]
    unknown = [name for name in only or [] if name not in names]
    if unknown:
        parser.error(f"there is no fault {unknown[0]!r}; there are {', '.join(names)}")
    counts = {"found": 0, "missed": 0, "not detectable": 0}
    for name in only or names:
        begin_s = time.monotonic()
        word, text = _judged(name)
        counts[word] += 1
        print(f"{name:<20} {word:<15} {time.monotonic() - begin_s:5.1f} s  {text}", flush=True)
    print(", ".join(f"{count} {word}" for word, count in counts.items()))
    return int(ExitStatus.FAILED if counts["missed"] else ExitStatus.PASSED)


def _judged(name: str) -> tuple[str, str]:
    detector = detectors().get(name)
    if detector is None:
        return "missed", "no test is said to find it (hl_qual/selftest/detectors.toml)"
    if detector.why_not is not None:
        return "not detectable", detector.why_not
    missing = outcome_of(detector)
    return ("missed", "; ".join(missing)) if missing else ("found", f"{detector.command}: {', '.join(detector.codes)}")


def outcome_of(detector: Detector) -> list[str]:
    """Inject, run, read; what is missing, nothing if the fault was found."""
    import tempfile

    with (
        tempfile.TemporaryDirectory(prefix="hl_qual-selftest-") as place,
        _box(Path(place) / "box", detector) as bus_id,
    ):
        report, said = _run(Path(place), detector)
        if report is None:
            return [f"no report: {said}"]
        return what_is_missing(detector, report, bus_id)


@contextmanager
def _box(path: Path, detector: Detector) -> Iterator[str]:
    """A private server with the fault; the bus id of the faulty card."""
    from device.box_control import create_box, retire_box
    from device.box_spec import load_box_spec
    from device.card import Box
    from device.faults import find_fault, inject

    create_box(path, load_box_spec(_SERVER), "selftest")
    try:
        with Box.open(path) as box:
            bus_id = box.card(_FAULTY).identity.bus_id
            options: dict[str, Any] = {"address": detector.address} if detector.address else {}
            inject(box, _FAULTY, find_fault(detector.fault), detector.degree, detector.seed, **options)
        if detector.does_reboot:
            retire_box(path)
            create_box(path, load_box_spec(_SERVER), "selftest")
        yield bus_id
    finally:
        if path.exists():
            retire_box(path)


def _run(place: Path, detector: Detector) -> tuple[dict[str, Any] | None, str]:
    """The JSON report of hl_qual on the box, or what it said instead."""
    words = [
        *detector.command.split(),
        "-c",
        "all" if detector.does_reboot else _CARDS,
        "-rmod",
        "parallel",
        "-dis_mon",
    ]
    env = {**os.environ, "GAUDI_BOX": str(place / "box"), "HABANA_LOGS": str(place / "logs")}
    command = [sys.executable, "-P", "-m", "hl_qual", *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    reports = list((place / "logs" / "qual").glob("*.json"))
    if len(reports) != 1:
        return None, (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    report: dict[str, Any] = json.loads(reports[0].read_text(encoding="utf-8"))
    return report, ""
