"""hlml_device_err_inject: each type has a cause in the card, and what is seen follows from it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from private_box import PrivateBox

import hlml
from device._device import lib
from device.card import Box

SUCCESS, INVALID, NOT_SUPPORTED, TIMEOUT, UNKNOWN = 0, 2, 3, 10, 49
ENDLESS, NON_FATAL, FATAL, HEARTBEAT, THERMAL = range(5)
ECC_DERR, CRITICAL, CLOCK, ECC_SERR = 1, 2, 4, 16
SECOND = 1_000_000_000
NOBODY = 65534


class Client:
    """Card 0 through the library, with an event set."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        self.device, self._set = ctypes.c_void_p(), ctypes.c_void_p()
        assert library.hlml_device_get_handle_by_index(0, ctypes.byref(self.device)) == SUCCESS
        assert library.hlml_event_set_create(ctypes.byref(self._set)) == SUCCESS
        assert library.hlml_device_register_events(self.device, ctypes.c_ulonglong(0x3F), self._set) == SUCCESS

    def inject(self, kind: int) -> int:
        return int(self.library.hlml_device_err_inject(self.device, kind))

    def events(self) -> list[int]:
        kinds, data = [], (ctypes.c_uint64 * 2)()
        while self.library.hlml_event_set_wait(self._set, data, 0) == SUCCESS:
            kinds.append(int(data[1]))
        return kinds

    def status(self) -> str:
        text = ctypes.create_string_buffer(30)
        assert self.library.hlml_device_get_oper_status(self.device, text, 30) == SUCCESS
        return text.value.decode()

    def errors(self, error_type: int) -> int:
        """SRAM, since the last reset; 0 corrected, 1 uncorrected."""
        return self.number("hlml_device_get_memory_error_counter", error_type, 0, 0)

    def number(self, function: str, *arguments: int) -> int:
        value = ctypes.c_ulonglong()
        assert getattr(self.library, function)(self.device, *arguments, ctypes.byref(value)) == SUCCESS
        return value.value


@pytest.fixture
def opened(box: PrivateBox) -> Iterator[Box]:
    with Box.open(box.path) as opened:
        opened.set_clock(rate=0.0)
        yield opened


@pytest.fixture
def client(opened: Box) -> Iterator[Client]:
    library = ctypes.CDLL(str(hlml.libdir() / "libhlml.so"))
    assert library.hlml_init() == SUCCESS
    yield Client(library)
    library.hlml_shutdown()


def test_endless_command_loads_the_card_until_the_driver_gives_up(client: Client, opened: Box) -> None:
    assert client.inject(ENDLESS) == SUCCESS
    opened.set_clock(step_ns=29 * SECOND)
    assert client.status() == "Operational"
    assert CRITICAL not in client.events()
    assert client.number("hlml_device_get_power_usage") > 100_000
    opened.card(0).publish_activity((0.0,) * 6, 1.0)  # what is submitted now waits behind it
    assert opened.card(0).read().activity.tpc == 1.0
    opened.set_clock(step_ns=2 * SECOND)
    assert client.status() == "Needs reset"
    assert CRITICAL in client.events()
    assert opened.card(0).read().activity.tpc == 0.0


def test_non_fatal_event_is_a_corrected_error(client: Client) -> None:
    assert client.inject(NON_FATAL) == SUCCESS
    assert client.events() == [ECC_SERR]
    assert (client.errors(0), client.errors(1)) == (1, 0)
    assert client.status() == "Operational"


def test_fatal_event_ends_work_until_a_reset(client: Client, opened: Box) -> None:
    card = opened.card(0)
    card.publish_activity((0.5, 0.0, 0.0, 0.0, 0.0, 0.0), 1.0)
    assert client.inject(FATAL) == SUCCESS
    assert client.events() == [ECC_DERR, CRITICAL]
    assert client.errors(1) == 1
    assert client.status() == "Needs reset"
    card.publish_activity((0.5, 0.0, 0.0, 0.0, 0.0, 0.0), 1.0)
    assert card.read().activity.mme == 0.0
    assert client.inject(NON_FATAL) == UNKNOWN
    assert [fault.kind for fault in card.faults()] == [lib.GAUDI_FAULT_BREAKDOWN + FATAL]
    card.reset(SECOND)
    opened.set_clock(step_ns=2 * SECOND)
    assert client.status() == "Operational"
    assert card.faults() == ()
    assert client.errors(1) == 0


def test_lost_heartbeat_takes_the_card_out_of_service(client: Client, opened: Box) -> None:
    assert client.inject(HEARTBEAT) == SUCCESS
    opened.set_clock(step_ns=4 * SECOND)
    assert (client.status(), client.events()) == ("Operational", [])
    opened.set_clock(step_ns=2 * SECOND)
    assert (client.status(), client.events()) == ("Disabled", [CRITICAL])
    opened.card(0).publish_memory(1 << 20)  # folds the moment away
    assert (client.status(), client.events()) == ("Disabled", [])


def test_reset_in_time_heals_a_lost_heartbeat(client: Client, opened: Box) -> None:
    assert client.inject(HEARTBEAT) == SUCCESS
    opened.card(0).reset(SECOND)
    opened.set_clock(step_ns=60 * SECOND)
    assert (client.status(), client.events()) == ("Operational", [])


def test_thermal_event_throttles_until_the_die_has_cooled(client: Client, opened: Box) -> None:
    assert client.inject(THERMAL) == SUCCESS
    opened.set_clock(step_ns=SECOND // 8)
    assert client.number("hlml_device_get_temperature", 0) >= 80
    assert client.number("hlml_device_get_current_clocks_throttle_reasons") == 2
    assert CLOCK in client.events()
    opened.set_clock(step_ns=60 * SECOND)
    assert client.number("hlml_device_get_current_clocks_throttle_reasons") == 0
    assert client.number("hlml_device_get_clock_info", 0) == 1650
    assert client.number("hlml_device_get_temperature", 0) < 40


def test_energy_goes_on_through_every_breakdown(client: Client, opened: Box) -> None:
    before = client.number("hlml_device_get_total_energy_consumption")
    for kind in (THERMAL, ENDLESS, HEARTBEAT, FATAL):
        assert client.inject(kind) == SUCCESS
        opened.set_clock(step_ns=SECOND)
        after = client.number("hlml_device_get_total_energy_consumption")
        assert before < after < before + 1_000_000
        before = after


def test_unknown_type_is_refused(client: Client) -> None:
    assert client.inject(5) == INVALID


def test_stranger_may_not_inject(box: PrivateBox) -> None:
    script = f"""
import ctypes, os
os.setuid({NOBODY})
library, device = ctypes.CDLL({str(hlml.libdir() / "libhlml.so")!r}), ctypes.c_void_p()
assert library.hlml_init() == 0
assert library.hlml_device_get_handle_by_index(0, ctypes.byref(device)) == 0
print(library.hlml_device_err_inject(device, 2))
"""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    for directory in (box.path, *box.path.parents):
        if directory.owner() == "root" and len(directory.parts) > 2:
            directory.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", script], env=box.env, capture_output=True, text=True, check=False)
    assert done.stdout == f"{NOT_SUPPORTED}\n", done.stderr


def test_pcie_throughput_is_that_of_the_last_ten_milliseconds(client: Client, opened: Box) -> None:
    def rates() -> tuple[int, int]:
        name = "hlml_device_get_pcie_throughput"
        return client.number(name, 1), client.number(name, 0)

    assert rates() == (0, 0)
    opened.card(0).count_pcie(5_000_000, 0)
    assert rates() == (500_000, 0)  # 5 MB in 10 ms
    opened.card(0).count_pcie(5_000_000, 1_000_000)
    assert rates() == (1_000_000, 100_000)
    opened.set_clock(step_ns=SECOND // 200)
    assert rates() == (500_000, 50_000)
    opened.set_clock(step_ns=SECOND // 200)
    assert rates() == (0, 0)


def test_pcie_throughput_stays_within_the_link(client: Client, opened: Box) -> None:
    def rate() -> int:
        return client.number("hlml_device_get_pcie_throughput", 1)

    opened.card(0).count_pcie(4_000_000_000, 0)  # more than an eighth of a second for 16 lanes of generation 4
    most = rate()
    assert 31_000_000 < most <= 31_600_000
    opened.set_clock(step_ns=SECOND // 10)
    assert rate() == most
    opened.set_clock(step_ns=SECOND // 10)
    assert rate() == 0
