"""Writers that die anywhere leave nothing torn, no lock and no orphan; a crowd does not disturb itself.

`make soak` runs the same programs with a hundred thousand deaths.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from c_programs import CPrograms, run_checks

import hlml

KILL_POINTS = ("-DGAUDI_KILL_POINTS",)
NAMES = re.compile(rb"kill_point|half a section filled|beginning announced")


def deaths_by_point(output: str) -> dict[str, int]:
    return {name.strip(): int(count) for name, count in re.findall(r"^(.*?) +(\d+) deaths$", output, re.MULTILINE)}


def test_a_writer_may_die_anywhere(c_programs: CPrograms, tmp_path: Path) -> None:
    output = run_checks([c_programs.card_program("test_kill_points", KILL_POINTS), str(tmp_path), "20", "150"])
    deaths = deaths_by_point(output)
    assert set(deaths.values()) == {20}
    assert {"beginning announced", "half a section filled", "event erased", "holder locked"} <= set(deaths)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".nvram"}  # what cards remember stays


def test_a_maker_of_boxes_may_die_anywhere(c_programs: CPrograms, tmp_path: Path) -> None:
    output = run_checks([c_programs.card_program("test_kill_files", KILL_POINTS), str(tmp_path), "12", "60"])
    deaths = deaths_by_point(output)
    assert set(deaths.values()) == {12}
    assert {"card file written", "old box marked", "new box in place", "box aside"} <= set(deaths)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".nvram"}  # what cards remember stays


def test_64_readers_and_8_writers(c_programs: CPrograms, tmp_path: Path) -> None:
    run_checks([c_programs.card_program("test_crowd"), str(tmp_path), "150"])


@pytest.mark.parametrize("library", ["libhlml.so", "_hlml"])
def test_the_installed_build_has_no_kill_point(library: str) -> None:
    folder = hlml.libdir() if library == "libhlml.so" else hlml.libdir().parent
    files = list(folder.glob(f"{library}*"))
    assert files
    assert not any(NAMES.search(file.read_bytes()) for file in files)
