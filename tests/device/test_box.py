"""What the built-in servers are: images, identities, cables, idle and full readings; the physics is the library's."""

from __future__ import annotations

import dataclasses
import functools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from device._device import ffi, lib
from device.box import build_image
from device.box_control import create_box, retire_box
from device.box_spec import BoxSpec, box_types, load_box_spec, load_releases
from device.card import Box
from device.errors import SpecError

SECOND = 1_000_000_000
OAM_BOXES = ("hls2", "hls3")
BOXES_WITH_CARDS = tuple(name for name in box_types() if name != "none")

# Published readings of idle cards: both rails in W, whole degrees C (hl-smi tables of releases 1.4 to 1.24).
IDLE_W = {"HL-205": (91, 108), "HL-225": (71, 112), "HL-288E": (67, 96), "HL-325L": (214, 264)}
IDLE_C = {"HL-205": (20, 38), "HL-225": (21, 35), "HL-288E": (28, 30), "HL-325L": (36, 43)}


@functools.cache
def image(name: str) -> Any:
    return build_image(ffi, load_box_spec(name))


def cards(box: Any) -> list[Any]:
    return list(box.cards[0 : box.card_count])


def text(field: Any) -> str:
    return bytes(ffi.string(field)).decode()


def image_bytes(spec: BoxSpec) -> bytes:
    built = build_image(ffi, spec)
    return bytes(ffi.buffer(built.identity)) + bytes(ffi.buffer(built.cards))


def mac_range(identity: Any) -> range:
    return range(identity.mac_base, identity.mac_base + identity.mac_count)


def idle_point(card: Any) -> Any:
    return lib.gaudi_trajectory_idle(ffi.addressof(card.physics), drive_of(card, [0.0] * 6, 0))


def drive_of(card: Any, activity: list[float], lease_end_ns: int) -> Any:
    drive = ffi.new("gaudi_drive *")
    drive.activity = activity
    drive.lease_end_ns = lease_end_ns
    drive.limit_w = card.physics.limit_default_mw / 1000
    drive.ambient_c = card.physics.ambient_c
    drive.airflow = card.physics.airflow
    drive.clock_ceiling = 1.0
    return drive


def settled(card: Any, activity: list[float], seconds: int = 60) -> Any:
    """The card after a minute of that load, published anew every quarter second as a holder does."""
    physics, segments = ffi.addressof(card.physics), ffi.new("gaudi_segment[]", 40)
    now, point = SECOND, ffi.new("gaudi_point *", idle_point(card))
    for _ in range(4 * seconds):
        count = lib.gaudi_trajectory_plan(physics, drive_of(card, activity, now + SECOND // 2), point, now, segments)
        now += SECOND // 4
        index = lib.gaudi_segment_find(segments, count, now)
        point = ffi.new("gaudi_point *", lib.gaudi_segment_at(physics, ffi.addressof(segments, index), now))
    return point


def utilization(card: Any, point: Any) -> int:
    physics = card.physics
    return int(lib.gaudi_utilization_percent(point.filtered_w, physics.utilization_dc_w, physics.limit_default_mw))


def on_chip_c(card: Any, point: Any) -> float:
    ambient, identity = card.physics.ambient_c, card.identity
    sensors = [s for s in identity.sensor[0 : identity.sensor_count] if s.group == lib.GAUDI_SENSOR_ON_CHIP]
    return max(ambient + s.offset_c + s.gain * (point.die_c - ambient) for s in sensors)


def test_the_built_in_servers_are_these() -> None:
    assert box_types() == ("hls1", "hls2", "hls2-7of8", "hls2pcie", "hls3", "none")


@pytest.mark.parametrize(
    ("name", "count", "card", "family", "release", "device_id", "revision"),
    [
        ("hls1", 8, "HL-205", "gaudi", "1.6", 0x1DA31000, 3),
        ("hls2", 8, "HL-225", "gaudi2", "1.24", 0x1DA31020, 1),
        ("hls2-7of8", 7, "HL-225", "gaudi2", "1.24", 0x1DA31020, 1),
        ("hls2pcie", 8, "HL-288E", "gaudi2", "1.24", 0x1DA31021, 5),
        ("hls3", 8, "HL-325L", "gaudi3", "1.24", 0x1DA31060, 1),
    ],
)
def test_cards_are_the_published_ones(
    name: str, count: int, card: str, family: str, release: str, device_id: int, revision: int
) -> None:
    box = image(name)
    assert box.card_count == box.identity.card_count == count
    assert (text(box.identity.box_type), text(box.identity.release)) == (name, release)
    for index, entry in enumerate(cards(box)):
        found = entry.identity
        assert (text(found.name), text(found.family), found.minor) == (card, family, index)
        assert (found.pci_device_id, found.pci_revision) == (device_id, revision)


def test_a_box_without_cards_has_none() -> None:
    box = image("none")
    assert box.card_count == box.identity.card_count == 0
    assert not any(bytes(ffi.buffer(box.cards)))


@pytest.mark.parametrize("name", BOXES_WITH_CARDS)
def test_memory_at_idle_is_the_published_one(name: str) -> None:
    expected = {"HL-205": (32768, 512), "HL-225": (98304, 768), "HL-288E": (98304, 768), "HL-325L": (131072, 672)}
    for card in cards(image(name)):
        mib = (card.identity.memory_total_bytes >> 20, card.identity.memory_reserved_bytes >> 20)
        assert mib == expected[text(card.identity.name)]


@pytest.mark.parametrize("name", ["hls1", "hls2", "hls3", "hls2pcie"])
def test_bus_and_module_ids_are_in_no_order(name: str) -> None:
    spec = load_box_spec(name)
    modules = [card.module_id for card in spec.cards]
    assert sorted(modules) == list(range(8))
    assert modules != sorted(modules)
    by_bus = [card.module_id for card in sorted(spec.cards, key=lambda card: card.bus_id)]
    assert by_bus != sorted(by_bus) or name == "hls2pcie"
    assert {card.numa for card in spec.cards} == {0, 1}


@pytest.mark.parametrize("name", BOXES_WITH_CARDS)
def test_a_cable_leads_back_to_where_it_came_from(name: str) -> None:
    spec = load_box_spec(name)
    for module, row in enumerate(spec.ports):
        for port, (peer, peer_port) in enumerate(row):
            assert peer < 0 or spec.ports[peer][peer_port] == (module, port)


@pytest.mark.parametrize(
    ("name", "internal", "external"), [("hls1", 7, 3), ("hls2", 21, 3), ("hls2pcie", 18, 4), ("hls3", 21, 3)]
)
def test_every_card_has_the_published_number_of_ports(name: str, internal: int, external: int) -> None:
    for card in cards(image(name)):
        peers = [port.peer_card for port in card.identity.port[0 : card.identity.port_count]]
        assert sum(peer >= 0 for peer in peers) == internal
        assert peers.count(-1) == external


def test_external_ports_are_the_published_ones() -> None:
    def external(name: str) -> dict[int, list[int]]:
        rows = load_box_spec(name).ports
        return {module: [port for port, (peer, _) in enumerate(row) if peer == -1] for module, row in enumerate(rows)}

    assert set(map(tuple, external("hls1").values())) == {(1, 8, 9)}
    assert set(map(tuple, external("hls2").values())) == {(8, 22, 23)}
    hls3 = external("hls3")
    assert (hls3[0], hls3[1], hls3[4], hls3[5]) == ([17, 20, 21], [5, 8, 9], [14, 15, 19], [2, 3, 7])


def test_links_to_an_absent_card_are_down_but_connected(tmp_path: Path) -> None:
    whole = load_box_spec("hls2")
    create_box(tmp_path / "box", load_box_spec("hls2-7of8"), "box")
    with Box.open(tmp_path / "box") as box:
        for state, card in zip(box.cards, cards(image("hls2-7of8")), strict=True):
            row = whole.ports[card.identity.module_id]
            ports = card.identity.port[0 : card.identity.port_count]
            assert [port.peer_card for port in ports] == [peer for peer, _ in row]
            expected = [peer >= 0 and peer != 1 for peer, _ in row]
            assert [bool(state.links_up() >> k & 1) for k in range(len(row))] == expected
            assert sum(peer == 1 for peer, _ in row) == 3
    retire_box(tmp_path / "box")


@pytest.mark.parametrize("name", BOXES_WITH_CARDS)
def test_an_idle_card_shows_published_readings_and_no_utilization(name: str) -> None:
    for card in cards(image(name)):
        point, product = idle_point(card), text(card.identity.name)
        watts = point.filtered_w + card.physics.rail12_idle_w
        assert IDLE_W[product][0] <= watts <= IDLE_W[product][1]
        assert IDLE_C[product][0] <= int(on_chip_c(card, point)) <= IDLE_C[product][1]
        assert utilization(card, point) == 0
        assert point.clock_ratio == 1.0


# 418.7 of 432.5 TFLOPS with the HBM busy for 0.125 of the time, 1243.0 of 1677.7 with 0.641: the published maxima.
@pytest.mark.parametrize(("name", "hbm", "share"), [("hls2", 0.125, 0.968), ("hls3", 0.641, 0.741)])
def test_a_full_gemm_settles_at_the_published_share(name: str, hbm: float, share: float) -> None:
    ratios = []
    for card in cards(image(name)):
        point = settled(card, [1.0, 0.0, 0.0, hbm, 0.0, 0.0])
        ratios.append(point.clock_ratio)
        assert point.clock_ratio == pytest.approx(share, abs=0.02)
        assert point.power_w <= card.physics.limit_default_mw / 1000 + 1e-6
        assert utilization(card, point) >= 97
        assert not point.flags & lib.GAUDI_THROTTLE_THERMAL
    assert sum(ratios) / len(ratios) == pytest.approx(share, abs=0.008)


def test_a_full_gemm_on_gaudi_stays_below_the_limit() -> None:
    for card in cards(image("hls1")):
        point = settled(card, [1.0, 0.0, 0.0, 0.25, 0.0, 0.0])
        assert point.clock_ratio == 1.0
        assert 179 <= point.power_w <= 225


def test_hbm_stress_on_gaudi3_shows_no_utilization() -> None:
    for card in cards(image("hls3")):
        assert utilization(card, settled(card, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0])) <= 2


@pytest.mark.parametrize("name", box_types())
def test_the_same_key_gives_the_same_bytes(name: str) -> None:
    assert image_bytes(load_box_spec(name)) == image_bytes(load_box_spec(name))


@pytest.mark.parametrize("name", BOXES_WITH_CARDS)
def test_another_key_gives_other_cards(name: str) -> None:
    spec = load_box_spec(name)
    other = build_image(ffi, dataclasses.replace(spec, key="rack-7"))
    for a, b in zip(cards(image(name)), cards(other), strict=True):
        assert text(a.identity.serial) != text(b.identity.serial)
        assert text(a.identity.uuid) != text(b.identity.uuid)
        assert not set(mac_range(a.identity)) & set(mac_range(b.identity))
        assert a.physics.idle_w != b.physics.idle_w
        assert text(a.identity.bus_id) == text(b.identity.bus_id)


@pytest.mark.parametrize("name", BOXES_WITH_CARDS)
def test_no_two_cards_of_a_box_share_an_identity(name: str) -> None:
    found = [card.identity for card in cards(image(name))]
    assert len({text(card.serial) for card in found}) == len(found)
    assert len({text(card.uuid) for card in found}) == len(found)
    addresses = [address for card in found for address in mac_range(card)]
    assert len(set(addresses)) == len(addresses)
    assert all(text(card.serial)[2:4] == "99" for card in found)


def test_the_largest_box_keeps_its_cards_apart() -> None:
    spec = load_box_spec("hls2")
    places = tuple(
        dataclasses.replace(spec.cards[0], bus_id=f"0000:{index:02x}:00.0", module_id=index) for index in range(64)
    )
    box = build_image(ffi, dataclasses.replace(spec, cards=places, ports=()))
    found = [card.identity for card in cards(box)]
    assert len({text(card.uuid) for card in found}) == 64
    assert len({address for card in found for address in mac_range(card)}) == 64 * 48


@pytest.mark.parametrize("release", load_releases())
@pytest.mark.parametrize("name", ["hls1", "hls2", "hls3"])
def test_every_release_fits_every_card(release: str, name: str) -> None:
    spec = dataclasses.replace(load_box_spec(name), release=load_releases()[release])
    box = build_image(ffi, spec)
    identity, family = box.cards[0].identity, text(box.cards[0].identity.family)
    assert text(box.identity.release) == release
    for field in (identity.fw_fit, identity.fw_spi, identity.fw_uboot):
        assert f"hl-{family}-" in text(field)
        assert "{" not in text(field)
    assert (text(identity.fw_os) == "") == (family == "gaudi")


def test_published_firmware_texts_come_out_as_published() -> None:
    releases = load_releases()
    gaudi2, gaudi3 = releases["1.12"].firmware("gaudi2"), releases["1.20"].firmware("gaudi3")
    assert gaudi2.fit == (
        "Linux gaudi2 5.10.18-hl-gaudi2-1.12.1-fw-46.0.5-sec-6 #1 SMP PREEMPT Thu Oct 12 22:23:07 IDT 2023"
        " aarch64 GNU/Linux"
    )
    assert gaudi2.uboot == (
        "U-Boot 2021.04-hl-gaudi2-1.12.1-fw-46.0.5-sec-6 (Oct 12 2023 - 22:22:29 +0300) build#: 10814"
    )
    assert gaudi2.os == "Zephyr 2.7.2-hl-gaudi2-1.12.1-fw-46.0.5-sec-6 (Oct 12 2023 - 22:14:47)"
    assert gaudi3.spi == "Preboot version hl-gaudi3-1.20.0-fw-58.1.1-sec-2 (Feb 13 2025 - 12:01:58)"
    assert gaudi3.os == "Zephyr 2.7.2-hl-gaudi3-1.20.0-fw-58.1.1-sec-2 (Feb 13 2025 - 12:00:59)"


def test_a_text_that_does_not_fit_is_refused() -> None:
    spec = load_box_spec("hls2")
    too_long = dataclasses.replace(spec, type="x" * 32)
    with pytest.raises(SpecError, match=r"hls2\.toml: box_type: 'x+' is too long; it may have 31 bytes"):
        build_image(ffi, too_long)


def test_air_that_cannot_cool_a_card_is_refused() -> None:
    spec = dataclasses.replace(load_box_spec("hls2"), airflow=0.02)
    with pytest.raises(SpecError, match=r"box\.airflow: 0\.02 is too little air"):
        build_image(ffi, spec)


@pytest.mark.parametrize("name", OAM_BOXES)
def test_health_checks_count_168_links(name: str, tmp_path: Path) -> None:
    create_box(tmp_path / "box", load_box_spec(name), "box")
    try:
        result = subprocess.run(
            [sys.executable, "-m", "hl_smi", "-n", "link"],
            env={"GAUDI_BOX": str(tmp_path / "box")},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    finally:
        retire_box(tmp_path / "box")
    assert result.stdout.count("UP") == 168
    assert "DOWN" not in result.stdout
