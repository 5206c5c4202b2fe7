"""What each call of libhlml does with good and bad arguments, through ctypes as a foreign client would."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
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


def test_discovery_in_a_dead_box_says_so(library: ctypes.CDLL, box: PrivateBox) -> None:
    handle, count, text = ctypes.c_void_p(), ctypes.c_uint(), ctypes.create_string_buffer(128)
    uuid = ctypes.create_string_buffer(128)
    assert library.hlml_device_get_uuid(handle_of(library, 0), uuid, 128) == SUCCESS

    def codes() -> set[int]:
        return {
            library.hlml_device_get_count(ctypes.byref(count)),
            library.hlml_device_get_handle_by_index(0, ctypes.byref(handle)),
            library.hlml_device_get_handle_by_pci_bus_id(b"19:00.0", ctypes.byref(handle)),
            library.hlml_device_get_handle_by_UUID(uuid.value, ctypes.byref(handle)),
            library.hlml_get_driver_version(text, 128),
            library.hlml_get_nic_driver_version(text, 128),
        }

    assert codes() == {SUCCESS}
    set_driver(box.path, False)
    assert codes() == {NOT_LOADED}
    set_driver(box.path, True)
    retire_box(box.path)
    assert codes() == {LOST}
    assert library.hlml_get_hlml_version(text, 128) == SUCCESS  # its own version, not the driver's


def test_limit_out_of_the_constraints_is_an_invalid_argument(library: ctypes.CDLL) -> None:
    low, high, limit = ctypes.c_uint(), ctypes.c_uint(), ctypes.c_uint()
    device = handle_of(library, 0)
    constraints = library.hlml_device_get_power_management_limit_constraints
    assert constraints(device, ctypes.byref(low), ctypes.byref(high)) == SUCCESS
    assert library.hlml_device_set_power_management_limit(device, low.value) == SUCCESS
    assert library.hlml_device_set_power_management_limit(device, low.value - 1) == INVALID
    assert library.hlml_device_set_power_management_limit(device, high.value + 1) == INVALID
    assert library.hlml_device_get_power_management_limit(device, ctypes.byref(limit)) == SUCCESS
    assert limit.value == low.value


def test_limit_is_not_supported_for_who_may_not_set_it(box: PrivateBox) -> None:
    """HLML has no code for permission. A number out of the constraints is still the caller's mistake first."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    for directory in (box.path, *box.path.parents):
        if str(directory).startswith("/tmp/") and directory.owner() == "root":
            directory.chmod(0o755)
    script = (
        "import ctypes, os, sys; os.setuid(65534); library = ctypes.CDLL(None); device = ctypes.c_void_p();"
        "assert library.hlml_init() == 0;"
        "assert library.hlml_device_get_handle_by_index(0, ctypes.byref(device)) == 0;"
        "print([library.hlml_device_set_power_management_limit(device, mw) for mw in (500000, 1)])"
    )
    env = {**box.env, "LD_PRELOAD": str(hlml.libdir() / "libhlml.so")}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"[{NOT_SUPPORTED}, {INVALID}]\n"


def test_replaced_rows_are_bounded_by_the_incoming_count(library: ctypes.CDLL) -> None:
    """The metric exporter passes a count of 0 with a buffer of one element."""
    count, rows = ctypes.c_uint(0), (ctypes.c_uint8 * 12)(*[0xA5] * 12)
    assert library.hlml_device_get_replaced_rows(handle_of(library, 0), 0, ctypes.byref(count), rows) == SUCCESS
    assert bytes(rows) == b"\xa5" * 12
    assert library.hlml_device_get_replaced_rows(handle_of(library, 0), 2, ctypes.byref(count), rows) == INVALID


def test_statistics_have_names_in_slots_and_few_counters(library: ctypes.CDLL) -> None:
    class Statistics(ctypes.Structure):
        _fields_ = (
            ("port", ctypes.c_uint32),
            ("names", ctypes.c_void_p),
            ("values", ctypes.c_void_p),
            ("count", ctypes.c_void_p),
        )

    room = 64  # a quarter of what clients allocate
    names, values, count = (ctypes.c_char * (32 * room))(), (ctypes.c_uint64 * room)(*[77] * room), ctypes.c_uint32()
    stats = Statistics(8, ctypes.addressof(names), ctypes.addressof(values), ctypes.addressof(count))
    device = handle_of(library, 0)
    assert library.hlml_nic_get_statistics(device, ctypes.byref(stats)) == SUCCESS
    assert 1 <= count.value < room
    slots = [names.raw[i * 32 : i * 32 + 32].rstrip(b"\0") for i in range(room)]
    assert all(slot.isascii() and 0 < len(slot) < 32 and b"\0" not in slot for slot in slots[: count.value])
    assert not any(slots[count.value :])
    assert list(values)[count.value :] == [77] * (room - count.value)
    stats.port = 24
    assert library.hlml_nic_get_statistics(device, ctypes.byref(stats)) == INVALID


def test_port_masks_fit_single_words(library: ctypes.CDLL) -> None:
    """The metric exporter passes one word each; the highest supported port is external, or gohlml panics."""
    masks = (ctypes.c_uint64 * 4)(0, 77, 0, 77)
    external = ctypes.byref(masks, 16)
    assert library.hlml_get_mac_addr_info(handle_of(library, 0), masks, external) == SUCCESS
    assert (masks[1], masks[3]) == (77, 77)
    assert masks[0] == 0xFFFFFF
    assert masks[2] & ~masks[0] == 0
    assert bin(masks[2]).count("1") == 3


def test_affinity_fills_all_words_and_setting_it_keeps_a_usable_mask(library: ctypes.CDLL) -> None:
    words, node = (ctypes.c_ulong * 20)(*[77] * 20), (ctypes.c_ulong * 2)(77, 77)
    device = handle_of(library, 0)
    assert library.hlml_device_get_cpu_affinity(device, 20, words) == SUCCESS
    assert any(words)
    assert 77 not in list(words)[16:]
    assert library.hlml_device_get_memory_affinity(device, 2, node, 0) == SUCCESS
    assert bin(node[0]).count("1") == 1
    assert node[1] == 0
    assert library.hlml_device_get_cpu_affinity_within_scope(device, 20, words, 2) == INVALID
    before = os.sched_getaffinity(0)
    try:
        for index in range(8):
            assert library.hlml_device_set_cpu_affinity(handle_of(library, index)) == SUCCESS
            assert os.sched_getaffinity(0)
        assert library.hlml_device_clear_cpu_affinity(device) == SUCCESS
    finally:
        os.sched_setaffinity(0, before)


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
