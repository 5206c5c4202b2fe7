"""The rules of programs that parse hl-smi in the field, restated; each test names whose rule it is."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from hl_smi.argv import parse
from hl_smi.moment import Moment
from hl_smi.pages import page
from hl_smi.query.select import matching
from hl_smi.render.version import render_version
from hlml.types import ProcessInfo

BUSES = ("3b", "4c", "5d", "9b", "19", "bb", "cb", "db")
MODULES = (1, 3, 2, 6, 0, 7, 5, 4)

Shown = Callable[[str], str]


@pytest.fixture(scope="session")
def shown(make_snapshot: Callable[..., Any], make_box: Callable[..., Any]) -> Shown:
    """Output of a command line on a box of eight idle cards, but for a process of 7 MiB on card 2."""
    base = make_snapshot()
    mib = 1024 * 1024
    cards = [
        dataclasses.replace(
            base,
            index=index,
            minor=index,
            module_id=module,
            pci=dataclasses.replace(base.pci, bus_id=f"0000:{bus}:00.0", bus=int(bus, 16)),
        )
        for index, (bus, module) in enumerate(zip(BUSES, MODULES, strict=True))
    ]
    busy = (ProcessInfo(4321, "python3", 0, 7 * mib),)
    cards[2] = dataclasses.replace(cards[2], processes=busy, memory_used_bytes=775 * mib)

    def show(line: str) -> str:
        options = parse(line.split())
        chosen = matching(cards, options.selector)
        moment = Moment(make_box(), chosen, len(cards), lambda _: "Tue Aug  2 20:16:52 UTC 2022", lambda _: "20:16:52")
        return page(options, moment, 0)

    return show


def shell(script: str, text: str) -> str:
    """Output of a shell pipeline that reads `text`."""
    return subprocess.run(["sh", "-c", script], input=text, capture_output=True, text=True, check=False).stdout


# ---- the table


def test_optimum_habana_and_tgi_read_the_driver_version(shown: Shown) -> None:
    line = shown("").split("\n")[2]
    assert line.replace(" ", "").split(":")[1][:-1].split("-")[0] == "1.24.1"


def test_vllm_gaudi_reads_cards(shown: Shown) -> None:
    pattern = r"^\|\s*(\d+)\s+([A-Z0-9-]+)\s+N/A\s+\|\s*([0-9a-fA-F:.]+)\s+N/A\s*\|"
    found = [match.groups() for line in shown("").splitlines() if (match := re.match(pattern, line))]
    assert found == [(str(index), "HL-225", f"0000:{bus}:00.0") for index, bus in enumerate(BUSES)]


def test_server_vendor_recipes(shown: Shown) -> None:
    table = shown("")
    assert shell('grep "N/A   N/A    N/A" | wc -l', table).strip() == "7"
    assert shell("grep HL-225 | awk '{print $2,$6}' | head -1", table) == "0 0000:3b:00.0\n"
    killed = "grep -A 9 Type | grep == -A 8 | grep -v == | grep -v N/A | awk '{print $3}'"
    assert shell(killed, table) == "4321\n"


def test_enterprise_inference_reads_both_drivers(shown: Shown) -> None:
    table = shown("")
    script = "grep '{}' | head -1 | awk -F':' '{{print $2}}' | cut -d'|' -f1 | xargs"
    assert shell(script.format("Driver Version"), table) == "1.24.1-b336d5e\n"
    assert shell(script.format("Nic Driver Version"), table) == "1.24.1-1234567\n"


# ---- the report


def test_vllm_fork_collect_env(shown: Shown) -> None:
    lines = [line.strip("\t") for line in shown("-q -d PRODUCT").splitlines()]

    def found(pattern: str) -> list[str]:
        return [match[1] for line in lines if (match := re.match(pattern, line))]

    assert found(r"Product Name.+?: (.+)") == ["HL-225"] * 8
    assert found(r"Attached AIPs.+?: (\d+)") == ["8"]
    assert found(r"Driver Version.+?: (.+)") == ["1.24.1-b336d5e"]


def test_deepspeed_and_hccl_demo_read_modules(shown: Shown) -> None:
    report = shown("-L")
    assert [int(module) for module in re.findall(r"Module ID\s+:\s+(\d+)", report)] == list(MODULES)
    assert shell("grep 'Module ID' | awk '{print $4}'", report).split() == [str(module) for module in MODULES]
    assert shell("grep 'Bus Id' | awk '{print $4}'", report).split() == [f"0000:{bus}:00.0" for bus in BUSES]
    assert shell("grep 'Device Id' | head -1 | awk '{print $NF}'", report) == "0x1da31020\n"


def test_lightning_reads_the_generation(shown: Shown) -> None:
    match = re.search(r"hl-gaudi([\d\-])", shown("-L"))
    assert match and match[1] == "2"


def test_synapse_reads_one_card(shown: Shown) -> None:
    report = shown("-q -i 0000:3b:00.0")
    assert [report.count(word) for word in ("HL-SMI LOG", "UUID", "Network Information")] == [1, 1, 1]
    script = "grep 'Memory Usage' -A 3 | grep ':' | cut -d':' -f2 | cut -d' ' -f2"
    assert shell(script, report).split() == ["98304", "768", "97536"]
    assert shell("grep -m 1 'Power Limit' | sed 's/.*:.//g'", report) == "550 W\n"


def test_provisioner_counts_operational_cards(shown: Shown) -> None:
    report = shown("-L")
    assert re.search(r"Attached AIPs\s*:\s*8\b", report)
    assert len(re.findall(r"Module status\s*:\s*Operational", report)) == 8
    assert len(re.findall(r"Memory Usage[\s\S]*?Total\s*:\s*98304\s*MB", report)) == 8


def test_power_samplers(shown: Shown) -> None:
    lines = [line for line in shown("-q -d POWER").splitlines() if "Power Draw" in line and "W" in line]
    assert [float(line.split(":")[1].split()[0]) for line in lines] == [50.0, 31.0] * 8
    assert re.search(r"\t\tPower Limit             : 550 W\n", shown("-q -d POWER"))


def test_firmware_recipes(shown: Shown) -> None:
    report = shown("-q -d PRODUCT")
    assert shell("grep SPI | wc -l", report).strip() == "8"
    assert shell("grep 'CPLD Version' -B 15 | grep -c accel", report).strip() == "8"
    found = r"""grep "Firmware \[SPI\] Version" | head -1 | grep -oP 'hl-gaudi2-\K[\d\.]+'"""
    assert shell(found, report) == "1.12.1\n"
    assert shell("grep erom -A 1 | grep -c gaudi", shown("--fw-version")).strip() == "8"


# ---- CSV


def test_intel_gaudi_health_screen(shown: Shown) -> None:
    rows = list(
        csv.reader(shown("-Q index,module_id,bus_id,memory.used,temperature.aip,name -f csv,noheader").splitlines())
    )
    assert [row[1].strip() for row in rows] == [str(module) for module in MODULES]
    assert [int(row[3].split()[0]) for row in rows] == [768, 768, 775, 768, 768, 768, 768, 768]
    assert {int(row[4].split()[0]) for row in rows} == {30}
    assert all("HL-225" in row[5] and len(row) == 6 for row in rows)


def test_dstack_reads_unsigned_integers(shown: Shown) -> None:
    lines = shown("--query-aip=memory.used,utilization.aip --format=csv,noheader,nounits").splitlines()
    assert all(re.fullmatch(r"\d+, \d+", line) for line in lines) and len(lines) == 8


def test_apptainer_reads_the_index(shown: Shown) -> None:
    assert shown("--query-aip=index --format=csv,noheader -i 3b:00.0") == "0\n"


def test_tutorial_translates_index_to_module(shown: Shown) -> None:
    text = shown("-Q index,module_id -f csv")
    assert shell("awk -F', ' -v idx=3 '$1==idx {print $2}'", text) == "6\n"
    assert shell("tr -d ' ' | paste -sd,", shown("-Q index -f csv,noheader")) == "0,1,2,3,4,5,6,7\n"


@pytest.mark.parametrize("form", ["csv", "csv,nounits"])
def test_header_names_are_exact(shown: Shown, form: str) -> None:
    names = "module_id,utilization.aip,memory.total,memory.free,memory.used,power.draw,temperature.aip"
    header = shown(f"-Q {names} -f {form}").splitlines()[0]
    assert header == (
        "module_id, utilization.aip [%], memory.total [MiB], memory.free [MiB], memory.used [MiB], power.draw [W],"
        " temperature.aip [C]"
    )


def test_monitor_strips_link_units(shown: Shown) -> None:
    names = "pcie.link.gen.max,pcie.link.width.current,pcie.link.speed.current,utilization.memory"
    row = shown(f"-Q {names} -f csv,nounits,noheader").splitlines()[0].split(", ")
    assert row == ["Gen4", "x16", "16GT/s", "0"]


def test_timestamp_is_read_by_strptime(shown: Shown) -> None:
    stamp = shown("-Q timestamp -f csv,noheader").splitlines()[0]
    assert len(stamp) == 28
    assert datetime.datetime.strptime(stamp, "%a %b %d %H:%M:%S %Z %Y").year == 2022


# ---- -v, -n, topo


def test_version_line() -> None:
    line = render_version("hl-1.24.1-fw-62.6.2.0 (Jan 20 2026 - 10:00:00)")
    assert line.count("\n") == 1 and "Habana" in line
    assert re.findall(r"hl-([\d\.]+)", line) == ["1.24.1"] and re.findall(r"fw-([\d\.]+)", line) == ["62.6.2.0"]
    assert shell("grep -P '\\s+' | awk -F 'version' '{print $2}'", line).startswith(" hl-1.24.1")


def test_node_tests_count_ports(shown: Shown) -> None:
    ports, links = shown("-i 3b:00.0 -n ports"), shown("-i 3b:00.0 -n link")
    assert shell("grep internal | wc -l", ports) == shell("grep UP -ic", links)
    assert shell("grep UP | wc -l", shown("-n link")).strip() == "168"
    assert "DOWN" not in links


def test_topo_readers(shown: Shown) -> None:
    text = shown("topo -N")
    rows = text.splitlines()[2:]
    assert [re.match(r"^(\d+)\s+(\d+)\s", row) is not None for row in rows] == [True] * 8
    assert [row.split()[0] for row in rows] == [str(module) for module in range(8)]
