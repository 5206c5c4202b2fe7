"""Programs that read the driver's files, by the rules of the published ones, and pyhlml at its real library path."""

from __future__ import annotations

import sys

import pytest
from under_exec import run_under_exec

# node_exporter's hwmon collector: a chip is named by its device, every "<type><n>_<property>" is a number.
NODE_EXPORTER = r"""
import os, re
pattern = re.compile(r"^(?P<type>[^0-9]+)(?P<id>[0-9]*)?(_(?P<property>.+))?$")
seen = {}
root = "/sys/class/hwmon"
for entry in sorted(os.listdir(root)):
    chip = os.path.realpath(os.path.join(root, entry))
    if open(os.path.join(chip, "name")).read().strip() != "HL225":
        continue
    parts = os.path.realpath(os.path.join(chip, "device")).split("/")
    name = "_".join(parts[-2:])
    for file in os.listdir(chip):
        match = pattern.match(file)
        path = os.path.join(chip, file)
        if not match or not match["id"] or not os.access(path, os.R_OK) or not os.stat(path).st_mode & 0o444:
            continue
        seen[name, match["type"] + match["id"], match["property"]] = float(open(path).read())
chips = sorted({key[0] for key in seen})
print(len(chips), chips[0], sum(key[2] == "input" for key in seen), min(seen.values()) >= 0)
"""

# nvtop's rules: the module, labels that begin with "On Chip" out of the configuration of lm-sensors, the kernel's texts
# of the link, nodes told apart by their device number, memory in use by the file that the holder has open.
NVTOP = r"""
import fnmatch, os, re, stat, struct
from device.runtime import Card
assert os.access("/sys/module/habanalabs", os.F_OK)
card = Card.acquire(6)
buffer = card.malloc(32 << 20)
home = "/sys/class/accel/accel6/device"
hwmon = next(os.path.join(home, "hwmon", d) for d in os.listdir(home + "/hwmon") if d.startswith("hwmon"))
chip_id = open(hwmon + "/name").read().strip() + "-pci-0"
channels, matching = [], False
for line in open("/etc/sensors.d/hl_sensors.conf"):
    words = line.strip()
    if words.startswith("chip "):
        matching = any(fnmatch.fnmatch(chip_id, pattern) for pattern in re.findall(r'"([^"]*)"', words))
    elif matching and (found := re.match(r'label temp(\d+) "([^"]*)"', words)) and found[2].startswith("On Chip"):
        channels.append(int(found[1]))
hottest = max(int(open(f"{hwmon}/temp{n}_input").read()) for n in channels)
generation = {2: 1, 5: 2, 8: 3, 16: 4, 32: 5}[int(float(open(home + "/current_link_speed").read().split()[0]))]
rdev = {n: os.stat(f"/dev/accel/accel{n}").st_rdev for n in range(8)}
assert all(stat.S_ISCHR(os.stat(f"/dev/accel/accel{n}").st_mode) for n in range(8))
holders = {}
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        links = [f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd")]
        stats = [(link, os.stat(link)) for link in links if os.path.exists(link)]
    except OSError:
        continue
    cards = {n for n in rdev for _, s in stats if stat.S_ISCHR(s.st_mode) and s.st_rdev == rdev[n]}
    used = [struct.unpack("=QQQ", open(link, "rb").read(24))[2] for link, s in stats if stat.S_ISREG(s.st_mode)
            and 24 <= s.st_size <= 4096 and os.readlink(link).startswith("/dev/shm/mem_usage_accel")]
    if cards:
        holders[int(pid)] = (sorted(cards), used)
print(len(channels), 20000 < hottest < 60000, generation, open(home + "/current_link_width").read().strip())
print(holders == {os.getpid(): ([6], [32 << 20])})
"""

# gohlml's, the feature discovery's and the container runtime's reads.
OTHERS = r"""
import glob, re
print(len(open("/sys/class/accel/accel0/device/armcp_kernel_ver").read()) > 10,
      len(open("/sys/class/accel/accel0/device/uboot_ver").read()) > 5,
      len(open("/sys/module/habanalabs/version").read().split("-")),
      bool(re.search(r"hl-gaudi\d?-[0-9.]+-fw-[0-9.]+", open("/sys/class/accel/accel0/device/fw_os_ver").read())))
for path in sorted(glob.glob("/sys/class/accel/accel?/device/device_type"))[:1]:
    print(open(path).read().strip())
ports = glob.glob("/sys/class/accel/accel0/device/net/*/dev_port")
print(sorted(int(open(path).read()) for path in ports) == list(range(24)))
bus_id = open("/sys/class/accel/accel0/device/pci_addr").read().strip()
print(open(f"/sys/bus/pci/devices/{bus_id}/numa_node").read().strip(),
      len(glob.glob(f"/sys/bus/pci/drivers/habanalabs/{bus_id}/accel/accel*")),
      glob.glob(f"/sys/bus/pci/devices/{bus_id}/infiniband_verbs/*")[0].rpartition("/")[2])
"""

PYHLML = r"""
import pyhlml
pyhlml.hlmlInit()
print(pyhlml.hlmlDeviceGetCount())
device = pyhlml.hlmlDeviceGetHandleByIndex(3)
print(pyhlml.hlmlDeviceGetPCIInfo(device).bus_id.decode(), pyhlml.hlmlDeviceGetOperationStatus(device))
print(pyhlml.hlmlDeviceGetMemoryInfo(device).total >> 20)
print(any("/usr/lib/habanalabs/libhlml.so" in line for line in open("/proc/self/maps")))
"""


def output(box, code: str) -> list[str]:
    done = run_under_exec(box, sys.executable, "-P", "-c", code)
    assert done.stderr == "" and done.returncode == 0
    return done.stdout.splitlines()


def test_the_hwmon_collector_of_node_exporter_reads_every_channel(box):
    channels = 22 + 33 + 2 + 1 + 1
    assert output(box, NODE_EXPORTER) == [
        f"8 0000:19:00_0_0000:19:00.0 {8 * channels} True".replace("0000:19:00_0_", "pci0000:19_")
    ]


def test_nvtops_rules_find_temperature_link_holder_and_memory(box):
    assert output(box, NVTOP) == ["8 True 4 16", "True"]


def test_other_published_readers_find_what_they_need(box):
    assert output(box, OTHERS) == ["True True 2 True", "GAUDI2", "True", "0 2 uverbs0"]


def test_pyhlml_loads_the_library_from_its_real_path(box):
    pytest.importorskip("pyhlml")
    lines = output(box, PYHLML)
    assert lines[0] == "8" and "0000:43:00.0" in lines[1] and "perational" in lines[1]
    assert lines[2:] == ["98304", "True"]
