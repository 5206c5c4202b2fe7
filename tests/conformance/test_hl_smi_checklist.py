"""The reference's black-box checklist for hl-smi (section 14), item by item, on the installed program."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from private_box import PrivateBox
from real_paths import run_at_real_paths

HL_SMI = str(Path(sys.executable).with_name("hl-smi"))


def output(box: PrivateBox, *words: str, status: int = 0, **changes: str) -> str:
    done = subprocess.run(
        [HL_SMI, *words], env=box.env | changes, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == status, done.stderr
    return done.stdout


def shell(script: str, text: str) -> str:
    return subprocess.run(["sh", "-c", script], input=text, capture_output=True, text=True, check=False).stdout


def test_01_empty_environment_and_the_shells_own_path(tmp_path: Path) -> None:
    done = run_at_real_paths("/bin/sh", "-c", "hl-smi", env={"ENABLE_CONSOLE": "true"}, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[2].replace(" ", "").split(":")[1][:-1].split("-")[0] == "1.24.1"


def test_02_table_geometry(box: PrivateBox) -> None:
    text = output(box)
    lines = text.splitlines()
    assert all(len(line) == 79 for line in lines) and "\t" not in text
    cards = [line for line in lines if re.match(r"^\| +(\d+  HL|N/A +\d+C)", line)]
    assert len(cards) == 16
    assert all([at for at, letter in enumerate(line) if letter == "|"] == [0, 32, 55, 78] for line in cards)
    assert text.endswith("+" + "=" * 77 + "+\n")


@pytest.mark.parametrize("words", [(), ("-v",), ("-q",)])
def test_03_console_off_prints_nothing(box: PrivateBox, words: tuple[str, ...]) -> None:
    assert output(box, *words, ENABLE_CONSOLE="false") == ""


@pytest.mark.parametrize("words", [(), ("-L",), ("-Q", "index", "-f", "csv,noheader")])
def test_04_no_devices(box: PrivateBox, words: tuple[str, ...]) -> None:
    assert output(box, *words, status=1, HABANA_VISIBLE_DEVICES="") == "no AIPs available\n"


def test_05_report_of_products(box: PrivateBox) -> None:
    text = output(box, "-q", "-d", "PRODUCT")
    found = {}
    for line in text.splitlines():
        for pattern in (r"Product Name.+?: (.+)", r"Attached AIPs.+?: (\d+)", r"Driver Version.+?: (.+)"):
            if match := re.match(pattern, line.strip("\t")):
                found[pattern.split(".")[0]] = match[1]
    assert found == {"Product Name": "HL-225", "Attached AIPs": "8", "Driver Version": found["Driver Version"]}
    rows = [line for line in text.expandtabs(8).splitlines() if " : " in line]
    assert rows and all(line.index(": ") == 40 for line in rows)
    lines = text.splitlines()
    heads = [at for at, line in enumerate(lines) if re.match(r"\[\d\] AIP", line)]
    assert len(heads) == 8 and all("CPLD Version" in lines[at + 15] for at in heads)


def test_06_fourth_word_is_the_value(box: PrivateBox) -> None:
    text = output(box, "-L")
    modules = shell("grep 'Module ID' | awk '{print $4}'", text).split()
    buses = shell("grep 'Bus Id' | awk '{print $4}'", text).split()
    csv = output(box, "-Q", "module_id,bus_id", "-f", "csv,noheader").splitlines()
    assert [f"{module}, {bus}" for module, bus in zip(modules, buses, strict=True)] == csv


@pytest.mark.parametrize(
    "words",
    [
        ("-Q", "index,name,power.draw,memory.used", "-f", "csv,nounits"),
        ("-f", "csv,nounits", "-Q", "index,name,power.draw,memory.used"),
        ("--query-aip=index,name,power.draw,memory.used", "--format=csv,nounits"),
        ("--format", "csv,nounits", "--query-aip", "index,name,power.draw,memory.used"),
        ("--query-a=index,name,power.draw,memory.used", "--form=csv,nounits"),
    ],
)
def test_07_csv_in_every_form(box: PrivateBox, words: tuple[str, ...]) -> None:
    header, *rows = output(box, *words).splitlines()
    assert header == "index, name, power.draw [W], memory.used [MiB]"
    assert len(rows) == 8
    assert all(len(row.split(", ")) == 4 and row.split(", ")[2].isdigit() for row in rows)


def test_07_prefixes_and_noheader(box: PrivateBox) -> None:
    assert output(box, "--fw-version") == output(box, "--fw-versions")
    assert output(box, "--list").count("AIP (accel") == 8
    assert output(box, "-Q", "index", "-f", "csv,noheader,nounits") == "".join(f"{n}\n" for n in range(8))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_08_loop_into_a_pipe(box: PrivateBox, number: signal.Signals) -> None:
    command = [HL_SMI, "-Q", "index,power.draw", "-f", "csv", "-l", "1"]
    with subprocess.Popen(command, env=box.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as loop:
        assert loop.stdout is not None and loop.stderr is not None
        lines = [loop.stdout.readline() for _ in range(17)]
        loop.send_signal(number)
        rest = loop.stdout.read()
        assert loop.stderr.read() == ""
        loop.wait(timeout=30)
    assert lines[0] == "index, power.draw [W]\n" and "index" not in "".join(lines[1:]) + rest
    assert [line.split(",")[0] for line in lines[1:]] == [str(n) for n in range(8)] * 2


def test_08_loop_ends_when_the_reader_goes_away(box: PrivateBox) -> None:
    with subprocess.Popen(
        [HL_SMI, "-Q", "index", "--loop-ms", "20"], env=box.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as loop:
        assert loop.stdout is not None and loop.stderr is not None
        loop.stdout.readline()
        loop.stdout.close()
        assert loop.wait(timeout=30) == 0
        assert loop.stderr.read() == b""


def test_09_timestamp(box: PrivateBox) -> None:
    (text,) = set(output(box, "-Q", "timestamp", "-f", "csv,noheader", "-i", "0", TZ="UTC").splitlines())
    assert len(text) == 28
    time.strptime(text, "%a %b %d %H:%M:%S %Z %Y")


def test_10_links_and_ports(box: PrivateBox) -> None:
    text = output(box, "-n", "link")
    assert text.count("UP") == 168
    one = output(box, "-n", "link", "-i", "0")
    assert one.count("UP") == 21 and "port 8:" not in one.replace("port  8", "port 8")
    ports = output(box, "-n", "ports", "-i", "0").splitlines()
    assert len(ports) == 24 and all(line.count(":") == 1 for line in ports)
    external = [line.split(" ")[1].split(":")[0] for line in ports if "external" in line.split(":")[1]]
    assert external == ["8", "22", "23"]


def test_11_topology(box: PrivateBox) -> None:
    lines = output(box, "topo", "-N").splitlines()
    assert len(lines) == 10 and all(re.match(r"^\d+\s+\d+\s+$", line) for line in lines[2:])


def test_12_version(box: PrivateBox) -> None:
    text = output(box, "-v")
    assert text.count("\n") == 1 and "Habana" in text
    assert re.search(r"hl-([\d\.]+)", text) and re.search(r"fw-([\d\.]+)", text)


def test_13_log_directory(box: PrivateBox, tmp_path: Path) -> None:
    text = output(box, "-Q", "index")
    assert (box.logs / "hl-smi_log.txt").read_text(encoding="utf-8").endswith(text)
    assert output(box, "-Q", "index", HABANA_LOGS=str(tmp_path / "nowhere")) == text
    assert output(box, "-Q", "index", HABANA_LOGS="/proc") == text


def test_14_sums(box: PrivateBox) -> None:
    rows = output(box, "-Q", "memory.used,memory.free,memory.total,power.max", "-f", "csv,noheader,nounits")
    used, free, total, power_max = (int(value) for value in rows.splitlines()[0].split(", "))
    assert used + free == total
    table = output(box)
    cap = int(re.findall(r"/ +(\d+)W", table)[0])
    assert cap == power_max + 50
    percent = int(re.findall(r"(\d+)% \|$", table, re.MULTILINE)[0])
    assert percent == 100 * used // total


def test_loop_neither_leaks_nor_drifts(box: PrivateBox) -> None:
    """3600 iterations of a millisecond: memory and files as after a hundred."""
    command = [HL_SMI, "-Q", "timestamp,index,power.draw", "-f", "csv,noheader", "-i", "0", "--loop-ms", "1"]
    with subprocess.Popen(
        [*command, "--count", "3700"], env=box.env, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as loop:
        assert loop.stdout is not None
        used = []
        for at in range(3600):
            assert loop.stdout.readline()
            if at in (100, 3599):
                used.append(resources(loop.pid))
        assert loop.stdout.read().count("\n") == 100
        assert loop.wait(timeout=60) == 0
    (kib_before, files_before), (kib_after, files_after) = used
    assert files_after == files_before
    assert kib_after - kib_before < 512  # a byte an iteration and line would already be 4 KiB; pages come by themselves


def resources(pid: int) -> tuple[int, int]:
    """Resident KiB and open files of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]), len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208


def test_consoles_are_named_and_written_until_the_end(box: PrivateBox) -> None:
    with subprocess.Popen([HL_SMI, "dmon", "-i", "2"], env=box.env, stdout=subprocess.PIPE, text=True) as monitor:
        assert monitor.stdout is not None
        match = re.fullmatch(r"ARC1:(/dev/pts/\d+)\n", monitor.stdout.readline())
        assert match
        with open(match[1], encoding="ascii") as console:  # noqa: PTH123
            assert re.match(
                r"\[\d+\.\d{6}\] arc1: Operational: soc=1650MHz 54v=\d+W 12v=\d+W temp=\d+C", console.readline()
            )
        monitor.stdout.close()
        assert monitor.wait(timeout=30) == 0


def test_consoles_of_all_cards_stand_under_their_headings(box: PrivateBox) -> None:
    with subprocess.Popen([HL_SMI, "dmon"], env=box.env, stdout=subprocess.PIPE, text=True) as monitor:
        assert monitor.stdout is not None
        lines = [monitor.stdout.readline() for _ in range(16)]
        monitor.send_signal(signal.SIGTERM)
        monitor.wait(timeout=30)
    assert all(re.match(r"\[\d\] AIP \(accel\d\) 0000:", line) for line in lines[::2])
    assert len({line for line in lines[1::2] if line.startswith("ARC1:/dev/pts/")}) == 8
