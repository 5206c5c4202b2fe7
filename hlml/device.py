"""Devices: the getters of libhlml as properties, and whole snapshots.

One box per process: init() attaches the one that the environment means (see docs/box.md), shutdown() detaches it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from hlml._hlml import ffi, lib
from hlml.errors import (
    BoxError,
    DriverNotLoadedError,
    HlmlError,
    NotFoundError,
    UninitializedError,
    error_of,
)
from hlml.snapshot import CardReader, text
from hlml.types import BoxInfo, DeviceSnapshot, ThrottleReason

__all__ = ["Device", "attached", "box_info", "device_count", "devices", "find_device", "init", "shutdown"]

_ENODEV = 19


# Bound once: a look-up in the extension module costs as much as the call.
_value_module_id = lib.hlml_value_module_id
_value_temperature = lib.hlml_value_temperature
_value_power = lib.hlml_value_power
_value_power_limit = lib.hlml_value_power_limit
_value_clock_soc = lib.hlml_value_clock_soc
_value_utilization = lib.hlml_value_utilization
_value_memory_used = lib.hlml_value_memory_used
_value_energy = lib.hlml_value_energy
_value_throttle_reasons = lib.hlml_value_throttle_reasons


class _Attachment:
    """The box of this process: libhlml's own, and the card state behind it for what HLML does not carry."""

    def __init__(self) -> None:
        self.box = ffi.NULL
        self.devices: list[Device] = []

    def open(self) -> None:
        error = ffi.new("gaudi_error *")
        box = ffi.new("gaudi_box **")
        # Writable where permitted: reset and the power limit need it. Readers of others' boxes map read-only.
        code = lib.gaudi_box_open(box, True, error)
        if code != 0:
            kind = DriverNotLoadedError if code == -_ENODEV else BoxError
            raise kind(text(error.text))
        code = lib.hlml_init()
        if code not in (0, 5):  # 5: somebody else in this process initialised it already
            lib.gaudi_box_close(box[0])
            raise error_of(code, "hlml_init")
        self.box = box[0]
        cards = ((index, lib.gaudi_box_card(self.box, index)) for index in range(lib.gaudi_box_card_count(self.box)))
        visible = [index for index, card in cards if lib.gaudi_card_is_visible(card)]
        self.devices = [Device(index, self.box, place) for place, index in enumerate(visible)]

    def close(self) -> None:
        if self.box != ffi.NULL:
            self.devices = []
            lib.hlml_shutdown()
            lib.gaudi_box_close(self.box)
            self.box = ffi.NULL

    def require(self) -> Any:
        if self.box == ffi.NULL:
            raise UninitializedError("call hlml.init() first")
        return self.box


_attachment = _Attachment()


def init() -> None:
    """Attach the box that the environment means; the unnamed default one is made if it is missing.

    A second call is allowed; it attaches anew if the box was taken down since.
    Raises DriverNotLoadedError, or BoxError with one line that says what to do.
    """
    if _attachment.box != ffi.NULL:
        if lib.gaudi_box_alive(_attachment.box) == 0:
            return
        _attachment.close()
    _attachment.open()


def shutdown() -> None:
    """Detach. Devices that were handed out must not be used any more."""
    _attachment.close()


@contextlib.contextmanager
def attached() -> Iterator[list[Device]]:
    """`init` on the way in, `shutdown` on the way out; the cards by accel number in between."""
    init()
    try:
        yield devices()
    finally:
        shutdown()


def find_device(word: str) -> Device:
    """The card with this UUID, serial number or PCI address (the domain may be left out), in either case.

    NotFoundError names the word. An index needs no search: `devices()[index]`.
    """
    wanted = word.lower()
    for device in devices():
        names = (device.uuid.lower(), device.serial.lower(), device.bus_id.lower())
        if wanted in names or f"0000:{wanted}" == names[2]:
            return device
    raise NotFoundError(f"no card has the UUID, serial number or PCI address {word!r}")


def device_count() -> int:
    """How many cards the box has."""
    return len(devices())


def devices() -> list[Device]:
    """The cards by accel number."""
    _attachment.require()
    return list(_attachment.devices)


def box_info() -> BoxInfo:
    """What the box calls itself, and its clock."""
    box = _attachment.require()
    identity = lib.gaudi_box_identity_of(box)
    return BoxInfo(
        name=text(identity.name),
        path=bytes(ffi.string(lib.gaudi_box_path(box))).decode("utf-8", "backslashreplace"),
        box_type=text(identity.box_type),
        release=text(identity.release),
        hlml_version=text(identity.hlml_version),
        driver_version=text(identity.driver_version),
        nic_driver_version=text(identity.nic_driver_version),
        device_count=len(_attachment.devices),
        clock_rate=lib.gaudi_box_clock_rate(box),
        is_driver_loaded=lib.gaudi_box_alive(box) != -_ENODEV,
    )


class Device:
    """One card. Every getter is one call into libhlml and raises an HlmlError of the code it returned."""

    def __init__(self, index: int, box: Any, place: int) -> None:
        """`index` is the accel number, `place` that among the cards that are visible here."""
        self.index = index
        self._reader = CardReader(lib.gaudi_box_card(box, index), index)
        handle = ffi.new("hlml_device_t *")
        self._check(lib.hlml_device_get_handle_by_index(place, handle), "hlml_device_get_handle_by_index")
        self._handle = handle[0]

    def __repr__(self) -> str:
        return f"Device(index={self.index})"

    def snapshot(self) -> DeviceSnapshot:
        """All values of one moment; about as cheap as a dozen getters."""
        return self._reader.snapshot()

    def _check(self, code: int, what: str) -> None:
        if code != 0:
            raise error_of(code, f"{what}, card {self.index}")

    def _fail(self, value: int, what: str) -> HlmlError:
        return error_of(-value, f"{what}, card {self.index}")

    def _text(self, function: str) -> str:
        out = ffi.new("char[256]")
        self._check(getattr(lib, function)(self._handle, out, 256), function)
        return text(out)

    @property
    def name(self) -> str:
        """Product name, for example "HL-225". Vendor tool: hl-smi -Q name."""
        return self._text("hlml_device_get_name")

    @property
    def serial(self) -> str:
        """Serial number. Vendor tool: hl-smi -Q serial."""
        return self._text("hlml_device_get_serial")

    @property
    def uuid(self) -> str:
        """UUID. Vendor tool: hl-smi -Q uuid."""
        return self._text("hlml_device_get_uuid")

    @property
    def bus_id(self) -> str:
        """PCI address, for example "0000:43:00.0". Vendor tool: hl-smi -Q bus_id."""
        out = ffi.new("hlml_pci_info_t *")
        self._check(lib.hlml_device_get_pci_info(self._handle, out), "hlml_device_get_pci_info")
        return text(out.bus_id)

    @property
    def module_id(self) -> int:
        """OAM slot. Vendor tool: hl-smi -Q module_id."""
        value: int = _value_module_id(self._handle)
        if value < 0:
            raise self._fail(value, "hlml_device_get_module_id")
        return value

    @property
    def status(self) -> str:
        """Operational status in the driver's words, for example "Operational"."""
        return self._text("hlml_device_get_oper_status")

    @property
    def temperature_c(self) -> int:
        """Hottest on-chip sensor, whole degrees Celsius. Vendor tool: hl-smi -Q temperature.aip."""
        value: int = _value_temperature(self._handle)
        if value < 0:
            raise self._fail(value, "hlml_device_get_temperature")
        return value

    @property
    def power_mw(self) -> int:
        """54 V rail, milliwatts. Vendor tool: hl-smi -Q power.draw (in watts)."""
        value: int = _value_power(self._handle)
        if value < 0:
            raise self._fail(value, "hlml_device_get_power_usage")
        return value

    @property
    def power_limit_mw(self) -> int:
        """Present limit of the 54 V rail, milliwatts."""
        value: int = _value_power_limit(self._handle)
        if value < 0:
            raise self._fail(value, "hlml_device_get_power_management_limit")
        return value

    @property
    def clock_soc_mhz(self) -> int:
        """Present SoC clock, MHz. Vendor tool: hl-smi -Q clocks.current.soc."""
        value: int = _value_clock_soc(self._handle)
        if value < 0:
            raise self._fail(value, "hlml_device_get_clock_info")
        return value

    @property
    def utilization_percent(self) -> int:
        """The driver's utilisation, percent, from power. Vendor tool: hl-smi -Q utilization.aip."""
        value: int = _value_utilization(self._handle)
        if value < 0:
            raise self._fail(value, "hlml_device_get_utilization_rates")
        return value

    @property
    def memory_used_bytes(self) -> int:
        """Used HBM including what the driver keeps, bytes. Vendor tool: hl-smi -Q memory.used (in MiB)."""
        value: int = _value_memory_used(self._handle)
        if value < 0:
            raise self._fail(value, "hlml_device_get_memory_info")
        return value

    @property
    def energy_mj(self) -> int:
        """Energy since the driver was loaded, millijoules."""
        value: int = _value_energy(self._handle)
        if value < 0:
            raise self._fail(value, "hlml_device_get_total_energy_consumption")
        return value

    @property
    def throttle_reasons(self) -> ThrottleReason:
        """Why the clock is below its maximum now; NONE if it is not."""
        value: int = _value_throttle_reasons(self._handle)
        if value < 0:
            raise self._fail(value, "hlml_device_get_current_clocks_throttle_reasons")
        return ThrottleReason(value)

    def set_power_limit_mw(self, limit_mw: int) -> None:
        """Set the limit of the 54 V rail. BoxError names what is wrong: permission or range."""
        error = ffi.new("gaudi_error *")
        if lib.gaudi_card_set_limit(self._reader.card, limit_mw, error) != 0:
            raise BoxError(text(error.text))

    def reset(self) -> None:
        """Hard reset: the status is "In reset" for a few seconds of box time.

        Root may, the user of whoever holds the card, and the owner of the box if nobody does. BoxError says who holds
        it, or that a card that fell off the bus is not reached.
        """
        error = ffi.new("gaudi_error *")
        if lib.gaudi_card_reset(self._reader.card, lib.GAUDI_RESET_USUAL, error) != 0:
            raise BoxError(text(error.text))
