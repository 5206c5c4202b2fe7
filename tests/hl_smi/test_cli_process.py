"""hl-smi as a process on a real box: pipes, signals, empty environments. Needs the installed package."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "hl_smi"]


def run(box: Any, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """One run with the environment of the box and nothing else."""
    return subprocess.run(
        [*COMMAND, *words], env=box.env | changes, capture_output=True, text=True, check=False, timeout=60
    )


def test_table_of_the_default_box(box: Any) -> None:
    result = run(box)
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert {len(line) for line in lines} == {79}
    assert len(re.findall(r"^\| +\d+  HL-225 +N/A", result.stdout, re.MULTILINE)) == 8


@pytest.mark.parametrize(
    "words",
    [
        ["-q"],
        ["-L"],
        ["-Q", "index,uuid,power.draw"],
        ["-n", "link"],
        ["-n", "ports"],
        ["--fw-versions"],
        ["-v"],
        ["-n", "stats"],
        ["topo", "-c", "-N"],
        ["topo", "-m"],
        ["stream", "--count", "1"],
        ["--json"],
        ["-i", "module:3"],
        ["--query-row-replacement", "uuid"],
        ["events", "--past", "--no-follow", "--json", "-i", "3"],
        ["top"],
    ],
)
def test_every_view_of_the_default_box(box: Any, words: list[str]) -> None:
    result = run(box, *words)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.isascii() and (result.stdout.endswith("\n") or words[0] == "events")


def test_memory_adds_up_and_numbers_are_whole(box: Any) -> None:
    result = run(box, "-Q", "memory.total,memory.used,memory.free", "-f", "csv,noheader,nounits")
    for line in result.stdout.splitlines():
        total, used, free = map(int, line.split(", "))
        assert used + free == total


def test_power_in_the_table_fits_both_rails_of_the_report(box: Any) -> None:
    # A frozen moment is not at hand here, and idle power moves by less than a watt between two runs.
    table = re.findall(r"(\d+)W / +(\d+)W", run(box).stdout)
    report = run(box, "-q", "-d", "POWER").stdout
    draws = [int(value) for value in re.findall(r"Power Draw +: (\d+) W", report)]
    limits = [int(value) for value in re.findall(r"Power Limit +: (\d+) W", report)]
    for index, (power, cap) in enumerate(table):
        assert abs(int(power) - sum(draws[2 * index : 2 * index + 2])) <= 2
        assert int(cap) == sum(limits[2 * index : 2 * index + 2])


def test_console_off_prints_nothing(box: Any) -> None:
    for words in ([], ["-v"], ["-x"]):
        result = run(box, *words, ENABLE_CONSOLE="false")
        assert (result.stdout, result.stderr) == ("", "")
        assert result.returncode == (1 if words == ["-x"] else 0)


def test_log_is_written_to_habana_logs_and_nowhere_else(box: Any, tmp_path: Path) -> None:
    working = tmp_path / "cwd"
    working.mkdir()
    environment = {key: value for key, value in box.env.items() if key != "HABANA_LOGS"}
    subprocess.run(COMMAND, env=environment, cwd=working, capture_output=True, check=True)
    assert list(working.iterdir()) == []
    logs = tmp_path / "habana"
    logs.mkdir()
    out = run(box, HABANA_LOGS=str(logs)).stdout
    assert (logs / "hl-smi_log.txt").read_text() == out


def test_reader_that_goes_away_ends_a_loop_quietly(box: Any) -> None:
    process = subprocess.Popen(
        [*COMMAND, "-Q", "index", "-f", "csv", "-l", "1"], env=box.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"index\n"
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_a_loop_quietly(box: Any, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [*COMMAND, "-Q", "index", "-l"], env=box.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(9)]
    assert lines == ["index\n", *(f"{index}\n" for index in range(8))]
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (out, err, process.returncode) == ("", "", -number)


def test_loop_is_flushed_every_iteration(box: Any) -> None:
    process = subprocess.Popen(
        [*COMMAND, "-Q", "index", "-f", "csv,noheader", "-l", "1", "-d", "1"],
        env=box.env,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    seen_s = []
    for line in process.stdout:
        if line == "0\n":
            seen_s.append(time.monotonic())
    assert process.wait(timeout=30) == 0
    process.stdout.close()
    first_s, second_s = seen_s
    assert second_s - first_s > 0.5


def test_full_disk_is_one_line(box: Any) -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(COMMAND, env=box.env, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == "hl-smi: can not write to standard output: No space left on device\n"


def test_closed_standard_output_is_one_line(box: Any) -> None:
    script = '"$0" -m hl_smi >&-'
    result = subprocess.run(
        ["sh", "-c", script, sys.executable], env=box.env, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr.startswith("hl-smi: can not write to standard output") and result.stderr.count("\n") == 1


def test_visible_devices_of_a_container(box: Any) -> None:
    words = ["--query-aip=index", "--format=csv,noheader"]
    assert run(box, *words, HABANA_VISIBLE_DEVICES="0").stdout == "0\n"
    none = run(box, *words, HABANA_VISIBLE_DEVICES="")
    assert (none.returncode, none.stdout) == (1, "no AIPs available\n")


def test_environment_with_nothing_but_the_box(box: Any) -> None:
    environment = {"GAUDI_BOX": box.env["GAUDI_BOX"], "ENABLE_CONSOLE": "true"}
    result = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert result.stdout.split("\n")[2].startswith("| Driver Version:")


def test_missing_box_is_one_line(box: Any, tmp_path: Path) -> None:
    result = run(box, GAUDI_BOX=str(tmp_path / "nowhere"))
    assert result.returncode == 1
    assert result.stderr.startswith("hl-smi: ") and result.stderr.count("\n") == 1


def test_reset_is_seen_by_the_next_run(box: Any) -> None:
    bus_id = run(box, "-Q", "bus_id", "-f", "csv,noheader").stdout.split("\n")[0]
    result = run(box, "-r", "-i", bus_id)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"({bus_id}): reset done" in result.stdout


def test_debug_names_the_box(box: Any) -> None:
    result = run(box, "-D", "-Q", "index", "-f", "csv,noheader")
    assert result.stdout.splitlines() == [str(index) for index in range(8)]
    assert os.fspath(box.path) in result.stderr and "emulated" in result.stderr


def test_topology_of_the_box(box: Any) -> None:
    rows = run(box, "topo", "-c", "-N").stdout.splitlines()[2:]
    assert [row.rstrip() for row in rows[3:5]] == ["3\t0-39, 80-119  \t0", "4\t40-79, 120-159  \t1"]
    matrix = run(box, "topo", "-m").stdout.splitlines()[1:9]
    assert [row.split()[1:9].count("3") for row in matrix] == [7] * 8


def test_card_is_the_same_by_every_name(box: Any) -> None:
    fields = "index,module_id,bus_id,uuid,serial"
    rows = run(box, "-Q", fields, "-f", "csv,noheader").stdout.splitlines()
    index, module, bus_id, uuid, serial = rows[5].split(", ")
    for name in (index, f"module:{module}", bus_id, bus_id.removeprefix("0000:"), uuid, serial):
        assert run(box, "-Q", fields, "-f", "csv,noheader", "-i", name).stdout.splitlines() == [rows[5]]


def test_events_are_followed_until_a_signal(box: Any) -> None:
    from device.card import Box

    process = subprocess.Popen(
        [*COMMAND, "events", "--past", "-i", "2"],
        env=box.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with Box.open(for_writing=True) as writer:
        writer.cards[1].post_event(8, 1)
        writer.cards[2].post_event(8, 41)
        first = process.stdout.readline()
        writer.cards[2].post_event(2, 42)
        second = process.stdout.readline()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d [\d:.]{12}  AIP 2   module 3   0000:1a:00.0  DRAM_ERROR  41\n", first)
    assert second.endswith("  CRITICAL_ERROR  42\n")
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == -signal.SIGTERM


def test_version_without_a_driver(box: Any) -> None:
    from device.box_control import set_driver

    version = run(box, "-v").stdout
    set_driver(box.path, False)
    assert run(box, "-v").stdout == version
    assert run(box).stdout == "no AIPs available\n"
