"""What cards remember over power cycles, and what makes them forget."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from private_box import PrivateBox

from device._device import ffi, lib
from device.box_control import create_box, purge_box, restore_absent, retire_box
from device.box_spec import load_box_spec
from device.card import Box, CardState
from device.faults import find_fault, heal, inject


def power_cycle(box: PrivateBox) -> None:
    retire_box(box.path)
    create_box(box.path, load_box_spec("hls2"), "box")


def nvram_of(box: PrivateBox) -> Path:
    return box.path.with_name("box.nvram")


def add_row(card: CardState) -> None:
    delta = ffi.new("gaudi_rows *")
    delta.hbm_uncorrected = [1, 1]
    delta.row_count = 1
    delta.row[0] = {"hbm": 1, "row": 4711, "cause": 1, "is_pending": 1}
    assert lib.gaudi_card_count_ecc(card.c_object, delta, ffi.NULL) == 0


def rows_of(card: CardState) -> object:
    rows = ffi.new("gaudi_rows *")
    assert lib.gaudi_card_read_rows(card.c_object, rows) == 0
    return rows


@pytest.mark.parametrize("way", ["down and up", "up over it"])
def test_rows_aggregates_and_reset_counts_survive(box: PrivateBox, way: str) -> None:
    with Box.open(box.path) as opened:
        add_row(opened.card(5))
        opened.card(5).reset(0)
        opened.card(5).reset(0)
        serial = opened.card(5).identity.serial
    if way == "down and up":
        retire_box(box.path)
    create_box(box.path, load_box_spec("hls2"), "box")
    with Box.open(box.path) as opened:
        card = opened.card(5)
        rows = rows_of(card)
        assert card.identity.serial == serial
        assert card.read().reset_count == 2
        assert list(rows.hbm_uncorrected) == [0, 1]  # type: ignore[attr-defined]
        assert (rows.row_count, rows.row[0].row, rows.row[0].is_pending) == (1, 4711, 0)  # type: ignore[attr-defined]
        assert rows_of(opened.card(4)).row_count == 0  # type: ignore[attr-defined]


def test_other_cards_at_the_same_place_remember_nothing(box: PrivateBox) -> None:
    with Box.open(box.path) as opened:
        opened.card(0).reset(0)
    create_box(box.path, load_box_spec("hls3"), "box")
    with Box.open(box.path) as opened:
        assert opened.card(0).read().reset_count == 0
    create_box(box.path, load_box_spec("hls2"), "box")  # and the first ones have not forgotten
    with Box.open(box.path) as opened:
        assert opened.card(0).read().reset_count == 1


def test_purge_makes_cards_new(box: PrivateBox) -> None:
    with Box.open(box.path) as opened:
        opened.card(0).reset(0)
    retire_box(box.path)
    assert nvram_of(box).exists()
    purge_box(box.path)
    purge_box(box.path)
    assert not nvram_of(box).exists()
    create_box(box.path, load_box_spec("hls2"), "box")
    with Box.open(box.path) as opened:
        assert opened.card(0).read().reset_count == 0


def test_who_has_nothing_to_remember_leaves_no_file(box: PrivateBox) -> None:
    retire_box(box.path)
    assert list(box.path.parent.glob("box*")) == []


@pytest.mark.parametrize("damage", [b"", b"x", b"AUGVRAM1" + b"\xff" * 40000])
def test_a_damaged_file_is_forgotten(box: PrivateBox, damage: bytes) -> None:
    nvram_of(box).write_bytes(damage)
    power_cycle(box)
    with Box.open(box.path) as opened:
        assert opened.card(0).read().reset_count == 0


def test_a_link_in_its_place_is_not_followed(box: PrivateBox, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("mine")
    nvram_of(box).symlink_to(target)
    with Box.open(box.path) as opened:
        opened.card(0).reset(0)
    power_cycle(box)
    assert target.read_text() == "mine"
    assert stat.S_ISREG(nvram_of(box).lstat().st_mode)


def test_an_absent_card_is_missing_after_the_next_boot_until_it_is_restored(box: PrivateBox) -> None:
    with Box.open(box.path) as opened:
        inject(opened, 3, find_fault("absent-at-boot"))
        assert len(opened.cards) == 8
        serials = [card.identity.serial for card in opened.cards]
        module = opened.card(3).identity.module_id
    power_cycle(box)
    with Box.open(box.path) as opened:
        assert [card.identity.serial for card in opened.cards] == serials[:3] + serials[4:]
        rows = load_box_spec("hls2").ports
        for card in opened.cards:
            down = {port for port, (peer, _) in enumerate(rows[card.identity.module_id]) if peer == module}
            assert down and not any(card.links_up() >> port & 1 for port in down)
    power_cycle(box)
    with Box.open(box.path) as opened:
        assert len(opened.cards) == 7
    assert restore_absent(box.path) == 1
    power_cycle(box)
    with Box.open(box.path) as opened:
        assert [card.identity.serial for card in opened.cards] == serials


def test_old_firmware_shows_after_the_next_boot_until_it_is_healed(box: PrivateBox) -> None:
    def texts(index: int) -> list[bytes]:
        with Box.open(box.path) as opened:
            identity = lib.gaudi_card_identity(opened.card(index).c_object)
            return [
                ffi.string(field) for field in (identity.fw_fit, identity.fw_spi, identity.fw_uboot, identity.fw_os)
            ]

    new = texts(6)
    with Box.open(box.path) as opened:
        inject(opened, 6, find_fault("firmware-mismatch"))
    assert texts(6) == new
    power_cycle(box)
    old = texts(6)
    assert all(a != b and len(a) == len(b) for a, b in zip(old, new, strict=True))
    assert texts(5) == new
    with Box.open(box.path) as opened:
        heal(opened, 6)
    power_cycle(box)
    assert texts(6) == new
