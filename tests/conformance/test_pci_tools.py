"""lspci, lstopo and sensors, unmodified, under `gaudi-box exec`. They are skipped where they are not installed:
`apt-get install pciutils hwloc-nox lm-sensors`."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from under_exec import run_under_exec

from device.card import Box


def need(tool: str) -> str:
    found = shutil.which(tool)
    if found is None:
        pytest.skip(f"{tool} is not installed; apt-get install pciutils hwloc-nox lm-sensors")
    return found


def test_lspci_finds_eight_accelerators_with_driver_and_link(box):
    done = run_under_exec(box, need("lspci"), "-nn", "-d", "1da3:")
    lines = done.stdout.splitlines()
    assert len(lines) == 8
    assert all("[1200]" in line and "[1da3:1020] (rev 01)" in line for line in lines)
    done = run_under_exec(box, need("lspci"), "-vv", "-s", "43:00.0")
    for text in ("Kernel driver in use: habanalabs", "LnkSta:\tSpeed 16GT/s, Width x16", "[size=128G]", "NUMA node: 0"):
        assert text in done.stdout


def test_a_lost_card_is_seen_by_lspci(box):
    with Box.open(box.path) as opened:
        opened.cards[3].set_lost(True)
    assert "Unknown header type 7f" in run_under_exec(box, need("lspci"), "-v", "-s", "43:00.0").stdout


def test_lstopo_places_cards_and_their_interfaces(box):
    tool = shutil.which("lstopo-no-graphics") or need("lstopo")
    done = run_under_exec(box, tool, "--of", "console", "--filter", "io:all")
    assert done.returncode == 0
    cards = re.findall(r"PCI (\S+) \(ProcessingAccelerator\)", done.stdout)
    assert sorted(cards)[:2] == ["19:00.0", "1a:00.0"] and len(cards) == 8
    assert 'Net "enp67s0d3"' in done.stdout and 'OpenFabrics "hbl_3"' in done.stdout


def test_sensors_shows_every_channel_with_the_labels_of_the_card(box):
    done = run_under_exec(box, need("sensors"), "-j", "HL225-pci-4300")
    chip = json.loads(done.stdout)["HL225-pci-4300"]
    with Box.open(box.path, for_writing=False) as opened:
        identity = opened.cards[3].identity
    assert identity.bus_id == "0000:43:00.0"
    assert chip["Adapter"] == "PCI adapter"
    assert 20 < chip["On Chip 0"]["temp1_input"] < 60 and chip["On Chip 0"]["temp1_crit"] == 93
    assert chip["HBM 0 Temp"]["temp5_crit"] == 125
    channels = [key for fields in chip.values() if isinstance(fields, dict) for key in fields if key.endswith("_input")]
    assert sum(key.startswith("temp") for key in channels) == 22 and "curr2_input" in channels
    watts = next(fields["power1_input"] for fields in chip.values() if "power1_input" in fields)
    assert 40 < watts < 70


def test_sensors_finds_all_chips(box):
    done = run_under_exec(box, need("sensors"))
    assert len(re.findall(r"^HL225-pci-", done.stdout, re.MULTILINE)) == 8
    assert "ERROR" not in done.stderr
