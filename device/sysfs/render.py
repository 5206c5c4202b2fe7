"""A box as the driver shows it: view in, tree out. Pure; every path and link of the tree is made here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from device.sysfs.attributes import render_attributes
from device.sysfs.facts import load_driver_facts
from device.sysfs.hwmon import Peaks, raise_peaks, render_hwmon, render_sensors_conf, sensor_values
from device.sysfs.module import proc_modules_line, render_debugfs, render_module
from device.sysfs.pci import render_pci, root_bus
from device.sysfs.ports import interface_name, render_infiniband, render_interface, verbs_dev
from device.sysfs.tree import READ_WRITE, File, Node, lines, link_between
from device.sysfs.view import BoxView, CardFacts, CardView

__all__ = ["SENSORS_CONF", "Surface", "pci_path", "render_tree", "seen_peaks"]

SENSORS_CONF = "etc/sensors.d/hl_sensors.conf"
_DRIVER = "sys/bus/pci/drivers/habanalabs"
_MODULE = "sys/module/habanalabs"
# Majors: that of the accel subsystem; the control nodes have one of their own, given at load time (assumed).
_ACCEL_MAJOR, _CONTROL_MAJOR = 261, 511


@dataclass(frozen=True, slots=True)
class Surface:
    """What the tree depends on besides the box: `hwmon_base` is the first hwmon number that the host leaves free,
    `parameters` those of modprobe, `peaks` the highest readings of each card so far."""

    hwmon_base: int = 0
    parameters: Mapping[str, str] = field(default_factory=dict)
    peaks: Mapping[int, Peaks] = field(default_factory=dict)


def pci_path(facts: CardFacts) -> str:
    """The directory of a card, where all of its driver's attributes live."""
    return f"sys/devices/{root_bus(facts)}/{facts.bus_id}"


def seen_peaks(box: BoxView, before: Mapping[int, Peaks]) -> dict[int, Peaks]:
    """The peaks of all cards after one more look. Readings of a card that is not operational do not count."""
    return {
        card.facts.index: raise_peaks(before.get(card.facts.index, {}), sensor_values(card))
        if card.is_operational
        else before.get(card.facts.index, {})
        for card in box.cards
    }


def render_tree(box: BoxView, surface: Surface) -> dict[str, Node]:
    """The whole tree: /sys, the configuration of lm-sensors, and proc/modules with the one line of the driver."""
    tree: dict[str, Node] = {}
    for card in box.cards:
        _add(tree, pci_path(card.facts), render_pci(card, box.is_driver_loaded))
        _add_card(tree, box, card, surface)
    tree[SENSORS_CONF] = File(render_sensors_conf(card.facts for card in box.cards).encode(), READ_WRITE)
    if not box.is_driver_loaded:
        return tree
    _add(tree, _MODULE, render_module(box, surface.parameters))
    _link(tree, f"{_MODULE}/drivers/pci:habanalabs", _DRIVER)
    _link(tree, f"{_DRIVER}/module", _MODULE)
    _add(tree, _DRIVER, {name: File(b"", 0o200) for name in ("bind", "unbind", "new_id", "remove_id", "uevent")})
    tree["proc/modules"] = File(proc_modules_line(box).encode())
    return tree


def _add(tree: dict[str, Node], directory: str, files: Mapping[str, File]) -> None:
    for name, file in files.items():
        tree[f"{directory}/{name}"] = file


def _link(tree: dict[str, Node], path: str, target: str) -> None:
    tree[path] = link_between(path, target)


def _add_card(tree: dict[str, Node], box: BoxView, card: CardView, surface: Surface) -> None:
    facts, home = card.facts, pci_path(card.facts)
    _link(tree, f"sys/bus/pci/devices/{facts.bus_id}", home)
    _link(tree, f"{home}/subsystem", "sys/bus/pci")
    if not box.is_driver_loaded:
        return
    _link(tree, f"{home}/driver", _DRIVER)
    _link(tree, f"{_DRIVER}/{facts.bus_id}", home)
    attributes = render_attributes(card, box.driver_version)
    if box.is_legacy:
        _add_legacy_nodes(tree, facts, attributes)
    else:
        _add(tree, home, attributes)
        _add_nodes(tree, facts)
    _add_hwmon(tree, card, surface)
    _add_ports(tree, box, card)
    _add(tree, f"sys/kernel/debug/accel/{facts.bus_id}", render_debugfs(box, card, surface.parameters))


def _add_class_device(tree: dict[str, Node], kind: str, name: str, device: str, files: Mapping[str, File]) -> None:
    """A device of a class below a card: its files, and the links of the kernel."""
    path = f"{device}/{kind}/{name}"
    _add(tree, path, files)
    _link(tree, f"{path}/device", device)
    _link(tree, f"{path}/subsystem", f"sys/class/{kind}")
    _link(tree, f"sys/class/{kind}/{name}", path)


def _node(major: int, minor: int, name: str) -> dict[str, File]:
    uevent = f"MAJOR={major}\nMINOR={minor}\nDEVNAME={name}\n"
    return {"dev": lines(f"{major}:{minor}"), "uevent": File(uevent.encode(), READ_WRITE)}


def _add_nodes(tree: dict[str, Node], facts: CardFacts) -> None:
    home, n = pci_path(facts), facts.index
    compute = _node(_ACCEL_MAJOR, n, f"accel/accel{n}")
    _add_class_device(tree, "accel", f"accel{n}", home, compute)
    control = _node(_CONTROL_MAJOR, n, f"accel/accel_controlD{n}")
    _add_class_device(tree, "accel", f"accel_controlD{n}", home, control)


def _add_legacy_nodes(tree: dict[str, Node], facts: CardFacts, attributes: Mapping[str, File]) -> None:
    """Drivers up to 1.12: the attributes lie in the class device itself."""
    home, n = pci_path(facts), facts.index
    _add_class_device(tree, "habanalabs", f"hl{n}", home, {**_node(_CONTROL_MAJOR, 2 * n, f"hl{n}"), **attributes})
    control = _node(_CONTROL_MAJOR, 2 * n + 1, f"hl_controlD{n}")
    _add_class_device(tree, "habanalabs", f"hl_controlD{n}", home, control)


def _add_hwmon(tree: dict[str, Node], card: CardView, surface: Surface) -> None:
    name = f"hwmon{surface.hwmon_base + card.facts.index}"
    files = render_hwmon(card, surface.peaks.get(card.facts.index))
    _add_class_device(tree, "hwmon", name, pci_path(card.facts), files)


def _add_ports(tree: dict[str, Node], box: BoxView, card: CardView) -> None:
    facts, home = card.facts, pci_path(card.facts)
    for port in range(len(facts.ports)):  # also one without a cable has an interface
        _add_class_device(tree, "net", interface_name(facts, port), home, render_interface(card, port))
    if not card.ports or not load_driver_facts(facts.family).has_verbs:
        return
    _add_class_device(tree, "infiniband", f"hbl_{facts.index}", home, render_infiniband(card, box.driver_version))
    major, _, minor = verbs_dev(facts).partition(":")
    verbs = _node(int(major), int(minor), f"infiniband/uverbs{facts.index}")
    verbs |= {"ibdev": lines(f"hbl_{facts.index}"), "abi_version": lines(1)}
    _add_class_device(tree, "infiniband_verbs", f"uverbs{facts.index}", home, verbs)
