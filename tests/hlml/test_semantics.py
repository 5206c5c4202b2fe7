"""What each call of libhlml does with good and bad arguments, through ctypes as a foreign client would."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from private_box import PrivateBox

import hlml
from device.box_control import retire_box, set_driver
from device.card import Box

ABI: dict[str, Any] = json.loads((Path(__file__).parent / "hlml_abi.json").read_text(encoding="utf-8"))
SUCCESS, UNINITIALIZED, INVALID, NOT_SUPPORTED, ALREADY, NOT_FOUND, TOO_SMALL = 0, 1, 2, 3, 5, 6, 7
NOT_LOADED, TIMEOUT, LOST = 9, 10, 15
WITHOUT_DEVICE = {"hlml_init", "hlml_init_with_flags", "hlml_shutdown"}


@pytest.fixture
def library(box: PrivateBox) -> Iterator[ctypes.CDLL]:
    loaded = ctypes.CDLL(str(hlml.libdir() / "libhlml.so"))
    assert loaded.hlml_init() == SUCCESS
    yield loaded
    loaded.hlml_shutdown()


def handle_of(library: ctypes.CDLL, index: int) -> ctypes.c_void_p:
    handle = ctypes.c_void_p()
    assert library.hlml_device_get_handle_by_index(index, ctypes.byref(handle)) == SUCCESS
    return handle


def arguments_of(function: dict[str, Any], device: object) -> list[object]:
    """Zeroes and null pointers for everything but the device."""
    return [device if kind == "hlml_device_t" else None if "*" in kind else 0 for kind, _ in function["args"]]


@pytest.mark.parametrize("function", ABI["functions"], ids=lambda f: str(f["name"]))
def test_before_init_every_call_says_uninitialized(function: dict[str, Any], box: PrivateBox) -> None:
    library = ctypes.CDLL(str(hlml.libdir() / "libhlml.so"))
    if function["name"] in {"hlml_init", "hlml_init_with_flags"}:
        return
    assert getattr(library, function["name"])(*arguments_of(function, None)) == UNINITIALIZED


@pytest.mark.parametrize("function", ABI["functions"], ids=lambda f: str(f["name"]))
def test_null_and_foreign_handles_and_pointers_are_refused(function: dict[str, Any], library: ctypes.CDLL) -> None:
    name = function["name"]
    if name in WITHOUT_DEVICE or not function["args"]:
        return
    call = getattr(library, name)
    has_device = any(kind == "hlml_device_t" for kind, _ in function["args"])
    assert call(*arguments_of(function, None)) == INVALID
    if has_device:
        foreign = ctypes.c_void_p(handle_of(library, 0).value + 1)  # type: ignore[operator]
        assert call(*arguments_of(function, foreign)) == INVALID
        assert call(*arguments_of(function, ctypes.c_void_p(handle_of(library, 7).value + 64))) == INVALID  # type: ignore[operator]
        has_pointer = any("*" in kind for kind, _ in function["args"])
        if has_pointer:
            assert call(*arguments_of(function, handle_of(library, 0))) == INVALID


def test_handles_are_real_addresses_and_survive_a_new_init(library: ctypes.CDLL) -> None:
    before = [handle_of(library, i).value for i in range(8)]
    assert all(address is not None and address >= 4096 for address in before)
    assert len(set(before)) == 8
    assert library.hlml_shutdown() == SUCCESS
    assert library.hlml_shutdown() == UNINITIALIZED
    assert library.hlml_init() == SUCCESS
    assert [handle_of(library, i).value for i in range(8)] == before


def test_second_init_is_refused(library: ctypes.CDLL) -> None:
    assert library.hlml_init() == ALREADY
    assert library.hlml_init_with_flags(6) == ALREADY


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"0000:19:00.0", SUCCESS),
        (b"000:19:00.0", SUCCESS),
        (b"19:00.0", SUCCESS),
        (b"0000:B3:00.0", SUCCESS),
        (b"0000:ff:00.0", NOT_FOUND),
        (b"0001:19:00.0", NOT_FOUND),
        (b"0000:19:00", INVALID),
        (b"0000:19:00.0 ", INVALID),
        (b"nonsense", INVALID),
        (b"", INVALID),
    ],
)
def test_bus_id_is_parsed_and_looked_up(library: ctypes.CDLL, text: bytes, code: int) -> None:
    handle = ctypes.c_void_p()
    assert library.hlml_device_get_handle_by_pci_bus_id(text, ctypes.byref(handle)) == code


def test_text_must_fit_with_its_end(library: ctypes.CDLL) -> None:
    device = handle_of(library, 0)
    buffer = ctypes.create_string_buffer(b"#" * 16)
    assert library.hlml_device_get_name(device, buffer, 6) == TOO_SMALL
    assert buffer.raw[:2] == b"##"
    assert library.hlml_device_get_name(device, buffer, 7) == SUCCESS
    assert buffer.raw[:8] == b"HL-225\0#"


def test_getters_of_a_retired_box_give_lost_and_of_an_unloaded_driver_say_so(
    library: ctypes.CDLL, box: PrivateBox
) -> None:
    device, power = handle_of(library, 0), ctypes.c_uint(7)
    set_driver(box.path, False)
    assert library.hlml_device_get_power_usage(device, ctypes.byref(power)) == NOT_LOADED
    set_driver(box.path, True)
    assert library.hlml_device_get_power_usage(device, ctypes.byref(power)) == SUCCESS
    retire_box(box.path)
    power.value = 7
    assert library.hlml_device_get_power_usage(device, ctypes.byref(power)) == LOST
    assert power.value == 7


def test_lost_card_is_lost_and_the_others_answer(library: ctypes.CDLL) -> None:
    with Box.open() as opened:
        opened.card(2).set_lost(True)
    power = ctypes.c_uint()
    assert library.hlml_device_get_power_usage(handle_of(library, 2), ctypes.byref(power)) == LOST
    assert library.hlml_device_get_power_usage(handle_of(library, 3), ctypes.byref(power)) == SUCCESS


def test_wait_times_out_with_zeroed_data(library: ctypes.CDLL) -> None:
    events, data = ctypes.c_void_p(), (ctypes.c_uint64 * 2)(1, 2)
    assert library.hlml_event_set_create(ctypes.byref(events)) == SUCCESS
    assert library.hlml_device_register_events(handle_of(library, 0), ctypes.c_ulonglong(0x3F), events) == SUCCESS
    assert library.hlml_event_set_wait(events, data, 20) == TIMEOUT
    assert list(data) == [0, 0]
    assert library.hlml_event_set_free(events) == SUCCESS
    assert library.hlml_event_set_free(events) == INVALID


def test_posted_event_reaches_each_set_once(library: ctypes.CDLL) -> None:
    sets = [ctypes.c_void_p() for _ in range(2)]
    for events in sets:
        assert library.hlml_event_set_create(ctypes.byref(events)) == SUCCESS
        for card in (0, 5):
            mask = ctypes.c_ulonglong(0xFFFF_FFFF_0000_0002)
            assert library.hlml_device_register_events(handle_of(library, card), mask, events) == SUCCESS
    with Box.open() as opened:
        opened.card(5).post_event(2, 0)
        opened.card(5).post_event(1, 0)
    for events in sets:
        data = (ctypes.c_uint64 * 2)()
        assert library.hlml_event_set_wait(events, data, 1000) == SUCCESS
        assert list(data) == [handle_of(library, 5).value, 2]
        assert library.hlml_event_set_wait(events, data, 10) == TIMEOUT
        assert library.hlml_event_set_free(events) == SUCCESS


def test_mac_addresses_are_counted_from_one(library: ctypes.CDLL) -> None:
    macs, count = (ctypes.c_uint8 * (12 * 50))(), ctypes.c_uint()
    device = handle_of(library, 0)
    assert library.hlml_device_get_mac_info(device, macs, 50, 0, ctypes.byref(count)) == INVALID
    assert library.hlml_device_get_mac_info(device, macs, 50, 1, ctypes.byref(count)) == SUCCESS
    assert count.value == 48
    assert bytes(macs[:3]) == bytes.fromhex("b0fd0b")
    assert library.hlml_device_get_mac_info(device, macs, 50, 48, ctypes.byref(count)) == SUCCESS
    assert count.value == 1
    assert library.hlml_device_get_mac_info(device, macs, 50, 49, ctypes.byref(count)) == INVALID


@pytest.mark.parametrize(("level", "size"), [("1.6", 52), ("1.12", 76), ("1.18", 80), ("1.19", 84)])
def test_no_byte_beyond_the_struct_of_the_level(
    box: PrivateBox, monkeypatch: pytest.MonkeyPatch, level: str, size: int
) -> None:
    monkeypatch.setenv("HLML_ABI", level)
    library = ctypes.CDLL(str(hlml.libdir() / "libhlml.so"))
    assert library.hlml_init() == SUCCESS
    info, rates = (ctypes.c_uint8 * 128)(*[0xA5] * 128), (ctypes.c_uint32 * 4)(*[77] * 4)
    assert library.hlml_device_get_pci_info(handle_of(library, 0), info) == SUCCESS
    assert bytes(info[size:]) == b"\xa5" * (128 - size)
    assert bytes(info[4:16]) == b"0000:19:00.0"
    assert library.hlml_device_get_utilization_rates(handle_of(library, 0), rates) == SUCCESS
    assert list(rates)[1 if level != "1.19" else 2] == 77
    library.hlml_shutdown()


def test_unknown_abi_level_is_refused(box: PrivateBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HLML_ABI", "2.0")
    library = ctypes.CDLL(str(hlml.libdir() / "libhlml.so"))
    assert library.hlml_init() == 49
