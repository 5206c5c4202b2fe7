"""Writes the files of a report. The only module here that touches the disk.

Order matters (C8): logs of the cards, then JSON, JUnit and HTML, then the .log, which must be the newest file of the
directory. File systems stamp with a coarse clock, so the .log gets its time set past all others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from hl_qual.report.card import render_card
from hl_qual.report.html import render_html
from hl_qual.report.json_twin import render_json
from hl_qual.report.junit import render_junit
from hl_qual.report.model import Report
from hl_qual.report.names import device_log_name, report_stem
from hl_qual.report.text import render_file

__all__ = ["DEFAULT_LOGS", "is_writable", "report_directory", "write_report"]

DEFAULT_LOGS = "/var/log/habana_logs"


def report_directory(environment: Mapping[str, str]) -> Path:
    """$HABANA_LOGS/qual, or the vendor's default."""
    return Path(environment.get("HABANA_LOGS") or DEFAULT_LOGS) / "qual"


def is_writable(directory: Path) -> str | None:
    """Make the directory; None if files can be made in it, else the reason."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / f".hl_qual-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return error.strerror or str(error)
    return None


def write_report(report: Report, directory: Path) -> Path:
    """Write all files, return the path of the .log; OSError if that is impossible, and then none of them is left."""
    directory.mkdir(parents=True, exist_ok=True)
    stem = _free_stem(directory, report.opening.host, report.ending.ended)
    try:
        return _write_all(report, directory, stem)
    except OSError:
        # Whoever looks for the newest report must not find an empty or half a one.
        for path in directory.glob(f"*{stem}*"):
            with suppress(OSError):
                path.unlink()
        raise


def _write_all(report: Report, directory: Path, stem: str) -> Path:
    for card in report.ending.cards:
        text = "\n".join(render_card(card, report.ending.is_passed)) + "\n"
        _publish(directory / device_log_name(stem, card.device.bus_id), text)
    _publish(directory / f"{stem}.json", render_json(report))
    _publish(directory / f"{stem}.xml", render_junit(report))
    _publish(directory / f"{stem}.html", render_html(report))
    log = directory / f"{stem}.log"
    _publish(log, render_file(report))
    _make_newest(log)
    return log


def _free_stem(directory: Path, host: str, moment: datetime) -> str:
    """The name of this second, or of the next one that no report has taken."""
    while True:
        stem = report_stem(host, moment)
        try:
            # Taking the name and finding it free is one step: two runs may end in the same second.
            (directory / f"{stem}.log").touch(exist_ok=False)
        except FileExistsError:
            moment += timedelta(seconds=1)
        else:
            return stem


def _publish(path: Path, text: str) -> None:
    """A reader sees the whole file or the former one."""
    aside = path.with_name(f".{path.name}.part")
    aside.write_text(text, encoding="utf-8", errors="surrogateescape")
    aside.replace(path)


def _make_newest(log: Path) -> None:
    newest_ns = max(entry.stat().st_mtime_ns for entry in log.parent.iterdir())
    now_ns = max(time.time_ns(), newest_ns + 1)
    os.utime(log, ns=(now_ns, now_ns))
