"""The driver's files as a tree: paths, links, formats and units of the reference, from the state of a real box."""

from __future__ import annotations

import dataclasses
import errno
import posixpath

import pytest
from private_box import PrivateBox

from device.box_control import create_box, retire_box
from device.box_spec import box_types, load_box_spec, read_box_spec
from device.card import Box
from device.card_spec import load_card_spec
from device.sysfs.attributes import device_type
from device.sysfs.facts import load_driver_facts
from device.sysfs.hwmon import hwmon_name, sensor_values
from device.sysfs.pci import cpu_list, cpu_mask
from device.sysfs.render import Surface, pci_path, render_tree
from device.sysfs.tree import File, Link, link_between
from device.sysfs.view import BoxView, read_box


@pytest.fixture
def view(box: PrivateBox) -> BoxView:
    with Box.open(box.path, for_writing=False) as opened:
        return read_box(opened)


def text(tree: dict, path: str) -> str:
    """The content of a file; links in the path are followed as the kernel does."""
    for _ in range(8):
        node = tree.get(path)
        if isinstance(node, File):
            return node.content.decode()
        parts = path.split("/")
        for length in range(1, len(parts) + 1):
            link = tree.get("/".join(parts[:length]))
            if isinstance(link, Link):
                base = "/".join(parts[: length - 1])
                path = posixpath.normpath(posixpath.join(base, link.target, *parts[length:]))
                break
        else:
            break
    raise AssertionError(f"no file {path}")


def test_every_link_leads_to_something_in_the_tree_or_to_a_directory_of_the_kernel(view):
    tree = render_tree(view, Surface())
    for path, node in tree.items():
        if not isinstance(node, Link):
            continue
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), node.target))
        assert target in tree or any(other.startswith(target + "/") for other in tree), path


def test_class_and_bus_paths_lead_to_the_same_card(view):
    tree = render_tree(view, Surface())
    for card in view.cards:
        n, bus_id = card.facts.index, card.facts.bus_id
        through_class = text(tree, f"sys/class/accel/accel{n}/device/pci_addr")
        through_driver = text(tree, f"sys/bus/pci/drivers/habanalabs/{bus_id}/pci_addr")
        through_bus = text(tree, f"sys/bus/pci/devices/{bus_id}/pci_addr")
        assert through_class == through_driver == through_bus == f"{bus_id}\n"
        assert text(tree, f"sys/class/accel/accel{n}/dev") == f"261:{n}\n"
        assert text(tree, f"sys/class/accel/accel_controlD{n}/device/module_id") == f"{card.facts.module_id}\n"


def test_attributes_have_the_formats_of_the_driver(view):
    tree = render_tree(view, Surface())
    home = "sys/class/accel/accel0/device"
    assert text(tree, f"{home}/device_type") == "GAUDI2\n"
    assert text(tree, f"{home}/status") == "Operational\n"
    assert text(tree, f"{home}/max_power") == "550000\n"
    assert text(tree, f"{home}/clk_cur_freq_mhz") == text(tree, f"{home}/clk_max_freq_mhz") == "1650\n"
    assert text(tree, f"{home}/cpld_ver") == "0x000000000000000d\n"
    assert text(tree, f"{home}/hard_reset_cnt") == "0\n"
    for name in ("armcp_kernel_ver", "cpucp_kernel_ver", "fw_os_ver", "thermal_ver"):
        content = text(tree, f"{home}/{name}")
        assert content and not content.endswith("\n"), name
    assert text(tree, f"{home}/fw_os_ver").startswith("Zephyr")
    assert len(text(tree, f"{home}/eeprom")) == 4096
    assert text(tree, f"{home}/current_link_speed") == "16.0 GT/s PCIe\n"
    assert text(tree, f"{home}/class") == "0x120000\n"


def test_the_module_says_that_it_is_emulated(view):
    tree = render_tree(view, Surface(parameters={"timeout_locked": "0"}))
    assert text(tree, "sys/module/habanalabs/version") == f"{view.driver_version}\n"
    assert text(tree, "sys/module/habanalabs/parameters/sim_mode") == "1\n"
    assert text(tree, "sys/module/habanalabs/parameters/timeout_locked") == "0\n"
    assert text(tree, "proc/modules").startswith("habanalabs ")


def test_hwmon_has_the_channels_and_units_of_the_reference(view):
    tree = render_tree(view, Surface(hwmon_base=3))
    home = "sys/class/hwmon/hwmon5"  # the third card
    assert text(tree, f"{home}/name") == "HL225\n"
    names = {path.rpartition("/")[2] for path in tree if path.startswith(f"{pci_path(view.cards[2].facts)}/hwmon/")}
    assert {f"temp{n}_input" for n in range(1, 23)} <= names and "temp23_input" not in names
    assert {f"in{n}_input" for n in range(33)} <= names and "in33_input" not in names
    assert {"curr1_input", "curr2_input", "power1_input", "energy1_input"} <= names
    assert not any(name.endswith("_label") for name in names)
    card = view.cards[2]
    watts = int(text(tree, f"{home}/power1_input")) / 1e6
    assert watts == pytest.approx(card.power_54v_w, abs=1e-6)
    volts, amperes = (int(text(tree, f"{home}/{name}_input")) / 1000 for name in ("in19", "curr1"))
    assert volts * amperes == pytest.approx(watts, abs=0.05)
    assert int(text(tree, f"{home}/temp1_input")) / 1000 == pytest.approx(card.temperatures_c[0], abs=0.001)
    assert text(tree, f"{home}/temp5_crit") == "125000\n"


def test_what_needs_the_card_fails_with_enodev_while_it_is_not_operational(view):
    card = dataclasses.replace(view.cards[0], status=1)
    tree = render_tree(dataclasses.replace(view, cards=(card,)), Surface())
    home = pci_path(card.facts)
    assert text(tree, f"{home}/status") == "In reset\n"
    for path in ("max_power", "clk_cur_freq_mhz", "eeprom", "hwmon/hwmon0/temp1_input", "hwmon/hwmon0/power1_input"):
        node = tree[f"{home}/{path}"]
        assert isinstance(node, File) and node.errno == errno.ENODEV and not node.content, path
    assert text(tree, f"{home}/hwmon/hwmon0/name") == "HL225\n"


def test_a_lost_card_reads_as_all_ones_on_the_bus(view):
    card = dataclasses.replace(view.cards[0], is_lost=True)
    tree = render_tree(dataclasses.replace(view, cards=(card,)), Surface())
    config = tree[f"{pci_path(card.facts)}/config"]
    assert isinstance(config, File) and set(config.content) == {0xFF}
    assert text(tree, f"{pci_path(card.facts)}/status") == "Disabled\n"


def test_without_driver_only_the_pci_bus_knows_the_cards(view):
    tree = render_tree(dataclasses.replace(view, is_driver_loaded=False), Surface())
    assert sum(path.startswith("sys/bus/pci/devices/") for path in tree) == 8
    assert not any("habanalabs" in path or "/class/" in path or "hwmon" in path for path in tree)
    assert "DRIVER" not in text(tree, f"{pci_path(view.cards[0].facts)}/uevent")
    assert not any(path.endswith(("/driver", "/status", "/max_power")) for path in tree)


def test_ports_are_network_interfaces_that_follow_their_links(view):
    down = dataclasses.replace(view.cards[0].ports[3], is_up=False)
    ports = (*view.cards[0].ports[:3], down, *view.cards[0].ports[4:])
    card = dataclasses.replace(view.cards[0], ports=ports)
    tree = render_tree(dataclasses.replace(view, cards=(card,)), Surface())
    assert text(tree, "sys/class/net/enp25s0d3/operstate") == "down\n"
    assert text(tree, "sys/class/net/enp25s0d4/operstate") == "up\n"
    assert text(tree, "sys/class/net/enp25s0d4/dev_port") == "4\n"
    assert text(tree, "sys/class/infiniband/hbl_0/ports/4/state") == "1: DOWN\n"
    addresses = {text(tree, path + "/address") for path in tree if path.startswith("sys/class/net/")}
    assert len(addresses) == 24
    assert "PCI_SLOT_NAME=0000:19:00.0\n" in text(tree, "sys/class/net/enp25s0/device/uevent")


def test_old_drivers_have_a_class_of_their_own(view):
    tree = render_tree(dataclasses.replace(view, release="1.12"), Surface())
    assert text(tree, "sys/class/habanalabs/hl3/status") == "Operational\n"
    assert not any(path.startswith("sys/class/accel") for path in tree)
    assert not dataclasses.replace(view, release="1.13").is_legacy


@pytest.mark.parametrize("name", box_types())
def test_every_built_in_server_can_be_shown(name, tmp_path):
    path = tmp_path / "other"
    spec = load_box_spec(name)
    create_box(path, spec, "other")
    with Box.open(path, for_writing=False) as opened:
        view = read_box(opened)
    retire_box(path)
    tree = render_tree(view, Surface())
    assert sum(path.startswith("sys/class/hwmon/") for path in tree) == len(spec.cards)
    for card in view.cards:
        assert hwmon_name(card.facts) == load_card_spec(spec.card).card.hwmon_name
        assert device_type(card.facts) == {"gaudi": "GAUDI", "gaudi2": "GAUDI2", "gaudi3": "GAUDI3"}[card.facts.family]
        assert all(value >= 0 for value in sensor_values(card).values())


def test_domains_other_than_zero_are_shown(tmp_path):
    text_of_box = tmp_path / "box.toml"
    source = (load_box_spec("hls2").file).read_text().replace("0000:43:00.0", "0001:43:00.0")
    text_of_box.write_text(source)
    path = tmp_path / "domain"
    create_box(path, read_box_spec(text_of_box), "domain")
    with Box.open(path, for_writing=False) as opened:
        tree = render_tree(read_box(opened), Surface())
    retire_box(path)
    assert text(tree, "sys/class/net/enP1p67s0d2/dev_port") == "2\n"
    assert "sys/devices/pci0001:43/0001:43:00.0/vendor" in tree


def test_facts_of_the_driver_cover_every_channel_once():
    for family in ("gaudi", "gaudi2", "gaudi3"):
        channels = [n for rail in load_driver_facts(family).rail for n in rail.numbers()]
        assert channels == list(range(len(channels)))


def test_processors_are_written_as_the_kernel_does():
    assert cpu_list({0, 1, 2, 7, 40, 41}) == "0-2,7,40-41"
    assert cpu_list(()) == ""
    assert cpu_mask({0, 33}) == "00000002,00000001"
    assert cpu_mask(()) == "00000000"


def test_links_are_relative():
    assert link_between("sys/class/accel/accel0", "sys/devices/p/a").target == "../../devices/p/a"
    assert link_between("a/b", "a/c").target == "c"
