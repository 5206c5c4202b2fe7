"""Cards of a real driver, or of an outer exec, in the host's directories."""

from __future__ import annotations

import os
from pathlib import Path

from device.exec.hidden import HostCards


def entry(path: Path) -> os.DirEntry[str]:
    return {found.name: found for found in list(os.scandir(path.parent))}[path.name]


def test_a_host_without_such_a_driver_hides_nothing_of_sys(tmp_path):
    host = HostCards(tmp_path / "absent")
    assert host.bus_ids == frozenset()
    assert not any(host.hides(found) for found in list(os.scandir("/sys/class")))
    assert not any(host.hides(found) for found in list(os.scandir("/sys/devices")))


def test_bus_ids_are_those_that_the_driver_bound(tmp_path):
    for name in ("0000:43:00.0", "0001:1a:00.0", "bind", "module", "new_id"):
        (tmp_path / name).mkdir()
    assert HostCards(tmp_path).bus_ids == {"0000:43:00.0", "0001:1a:00.0"}


def test_nodes_of_other_devices_stay(tmp_path):
    host = HostCards(tmp_path)
    assert not host.hides(entry(Path("/dev/null"))) and not host.hides(entry(Path("/usr/bin")))
