"""The writing side of a box and its cards: csrc/card.h with types, units and errors.

Used by the runtime (acquire, publish), by faults.py and by gaudi-box. What a box consists of belongs to box.py, making
and taking down boxes to box_control.py. Every method is one publish or one snapshot; nothing is cached here.

Errors: CardBusyError, CardLostError if the box was taken down or its driver unloaded, and BoxError with the one line
that csrc gives for everything else. Any thread may call anything but `close`.
"""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from device._device import ffi, lib
from device.address_map import HbmRow
from device.card_values import (
    CardIdentity,
    CardReading,
    CardStatus,
    FaultRecord,
    Pulse,
    RepairCause,
    RowRepair,
)
from device.engine_class import EngineShares
from device.errors import BoxError, CardBusyError, CardLostError, DeviceError, DeviceResetError

__all__ = [
    "Box",
    "CardIdentity",
    "CardReading",
    "CardState",
    "CardStatus",
    "FaultRecord",
    "Pulse",
    "RepairCause",
    "RowRepair",
    "device_error",
]

# C data has no useful static type.
CData = Any


def device_error(code: int, text: str) -> DeviceError:
    """The error class of a negative errno of csrc."""
    if code in (-errno.ESTALE, -errno.ENODEV):
        return CardLostError(text)
    if code == -errno.ECANCELED:
        return DeviceResetError(text)
    return BoxError(text)


def _checked(call: Callable[..., int], *arguments: object) -> None:
    """Call a function of card.h whose last parameter is a gaudi_error."""
    error = ffi.new("gaudi_error *")
    code = call(*arguments, error)
    if code != 0:
        raise device_error(code, _text(error.text) or os.strerror(-code))


def _text(field: CData) -> str:
    return bytes(ffi.string(field)).decode("utf-8", "backslashreplace")


class CardState:
    """One card of an open box; lives as long as the box."""

    def __init__(self, box: Box, card: CData, index: int) -> None:
        self._box = box  # keeps the C object alive
        self._card = card
        self._label = f"card {index} of the box at {box.path or '(private)'}"
        self.index = index
        raw = lib.gaudi_card_identity(card)
        self.identity = CardIdentity(
            family=_text(raw.family),
            name=_text(raw.name),
            serial=_text(raw.serial),
            bus_id=_text(raw.bus_id),
            module_id=int(raw.module_id),
            port_count=int(raw.port_count),
            memory_total_bytes=int(raw.memory_total_bytes),
            memory_reserved_bytes=int(raw.memory_reserved_bytes),
            sram_bytes=int(raw.sram_bytes),
            clock_soc_max_mhz=int(raw.clock_soc_max_mhz),
        )

    @property
    def c_object(self) -> CData:
        """gaudi_card *, for readers of what this class does not carry (device/sysfs)."""
        return self._card

    def detach(self) -> None:
        """The box is about to be closed: from now on every call is a TypeError instead of a crash."""
        self._card = None

    def read(self) -> CardReading:
        raw = self._read()
        return CardReading(
            box_ns=raw.box_ns,
            clock_ratio=raw.clock_ratio,
            clock_soc_mhz=raw.clock_soc_mhz,
            power_w=raw.power_54v_w,
            energy_j=raw.energy_j,
            die_c=raw.die_c,
            hbm_c=raw.hbm_c,
            utilization_percent=raw.utilization_percent,
            limit_mw=raw.limit_mw,
            flags=raw.flags,
            activity=EngineShares(*raw.activity),
            memory_used_bytes=raw.memory_used_bytes,
            status=raw.status,
            is_lost=bool(raw.is_lost),
            reset_count=raw.reset_count,
            pcie_generation=raw.pcie_generation,
            pcie_width=raw.pcie_width,
            dilation=raw.dilation,
            launches=raw.launches,
        )

    def pulse(self) -> Pulse:
        """Under a microsecond."""
        raw = self._read()
        return Pulse(raw.box_ns, raw.clock_ratio, raw.status, bool(raw.is_lost), raw.reset_count, raw.die_c)

    def default_conditions(self) -> tuple[float, float]:
        """Ambient temperature (C) and airflow (share of the normal one) of the card without faults."""
        physics = lib.gaudi_card_physics(self._card)
        return float(physics.ambient_c), float(physics.airflow)

    def ecc_counters(self) -> tuple[int, int]:
        """HBM errors since the last reset: corrected, uncorrected."""
        rows = ffi.new("gaudi_rows *")
        self._snapshot(lib.gaudi_card_read_rows(self._card, rows))
        return int(rows.hbm_corrected[0]), int(rows.hbm_uncorrected[0])

    @property
    def handle(self) -> CData:
        """The gaudi_card, for device.fabric."""
        return self._card

    def links_up(self) -> int:
        """A bit per port, now."""
        return int(lib.gaudi_card_links_up(self._card))

    def links_flapping(self) -> int:
        """A bit per port."""
        return int(lib.gaudi_card_links_flapping(self._card))

    def cable(self, port: int) -> tuple[int, int]:
        """Where the cable of a port leads: module id (-1 out of the box, -2 nowhere) and port."""
        raw = lib.gaudi_card_identity(self._card).port[port]
        return int(raw.peer_card), int(raw.peer_port)

    def port_counters(self, port: int) -> dict[str, int]:
        """By the driver's names, as hl-smi -n stats shows them."""
        raw = ffi.new("gaudi_ports *")
        self._snapshot(lib.gaudi_card_read_ports(self._card, raw))
        values = raw.port[port].value
        return {_text(lib.gaudi_port_counter_names[i]): int(values[i]) for i in range(len(values))}

    def faults(self) -> tuple[FaultRecord, ...]:
        """Injected and not healed; under a microsecond if there is none."""
        raw = ffi.new("gaudi_faults *")
        self._snapshot(lib.gaudi_card_read_faults(self._card, raw))
        return tuple(_fault_record(raw.fault[i]) for i in range(raw.count))

    def holder(self) -> tuple[int, str] | None:
        """Pid and comm of the process that holds the card now."""
        raw = ffi.new("gaudi_processes *")
        self._snapshot(lib.gaudi_card_read_processes(self._card, raw))
        return (int(raw.process[0].pid), _text(raw.process[0].comm)) if raw.count else None

    def acquire(self) -> None:
        """Hold the card until release or death. CardBusyError names the holder."""
        holder = ffi.new("gaudi_process *")
        error = ffi.new("gaudi_error *")
        code = lib.gaudi_card_acquire(self._card, holder, error)
        if code == -errno.EBUSY:
            raise CardBusyError(int(holder.pid), _text(holder.comm))
        if code != 0:
            raise device_error(code, _text(error.text))

    def release(self) -> None:
        lib.gaudi_card_release(self._card)

    def publish_activity(self, shares: tuple[float, ...], dilation: float, mme_intensity: float = 1.0) -> None:
        """For one lease from now on; `shares` in the order of EngineClass. The MME's power is multiplied by its
        intensity (device.cost.mme_intensity)."""
        _checked(lib.gaudi_card_publish_load, self._card, shares, mme_intensity, dilation)

    def start_lease(self) -> None:
        """Renew what was published from a C thread. Once per stop."""
        _checked(lib.gaudi_lease_start, self._card)

    def stop_lease(self) -> None:
        lib.gaudi_lease_stop(self._card)

    def publish_memory(self, used_bytes: int) -> None:
        """Without the reserved part."""
        _checked(lib.gaudi_card_publish_memory, self._card, used_bytes)

    def count_pcie(self, rx_bytes: int, tx_bytes: int) -> None:
        """Bytes that the card received from the host, and sent to it."""
        _checked(lib.gaudi_card_count_pcie, self._card, rx_bytes, tx_bytes)

    def count_ecc(
        self,
        hbm_corrected: int = 0,
        hbm_uncorrected: int = 0,
        sram_corrected: int = 0,
        sram_uncorrected: int = 0,
        repairs: tuple[RowRepair, ...] = (),
    ) -> None:
        """Errors to add to both kinds of counters, and rows to replace at the next reset; a row that waits already or
        that finds no spare any more is left out."""
        delta = ffi.new("gaudi_rows *")
        delta.hbm_corrected = [hbm_corrected] * 2
        delta.hbm_uncorrected = [hbm_uncorrected] * 2
        delta.sram_corrected = [sram_corrected] * 2
        delta.sram_uncorrected = [sram_uncorrected] * 2
        delta.row_count = len(repairs)
        for raw, repair in zip(delta.row, repairs, strict=False):
            row = repair.row
            raw.hbm, raw.pseudo_channel, raw.stack_id, raw.bank = row.stack, row.pseudo_channel, row.stack_id, row.bank
            raw.row, raw.cause, raw.is_pending = row.row, repair.cause, repair.is_pending
        _checked(lib.gaudi_card_count_ecc, self._card, delta)

    def limit_range(self) -> tuple[int, int]:
        """Lowest and highest power limit, mW."""
        physics = lib.gaudi_card_physics(self._card)
        return int(physics.limit_min_mw), int(physics.limit_max_mw)

    def row_repairs(self) -> tuple[RowRepair, ...]:
        """In the order in which they were asked for."""
        rows = ffi.new("gaudi_rows *")
        self._snapshot(lib.gaudi_card_read_rows(self._card, rows))
        return tuple(
            RowRepair(
                HbmRow(raw.hbm, raw.pseudo_channel, raw.stack_id, raw.bank, raw.row),
                RepairCause(raw.cause),
                bool(raw.is_pending),
            )
            for raw in rows.row[0 : rows.row_count]
        )

    def set_limit(self, limit_mw: int) -> None:
        """Owner of the box or root."""
        _checked(lib.gaudi_card_set_limit, self._card, limit_mw)

    def reset(self, duration_ns: int | None = None) -> None:
        """Root, the holder's user, or the owner of the box if nobody holds the card; the holder loses its work and its
        memory. None: as long as such a card takes. BoxError says who holds it, or that a lost card is not reached."""
        _checked(lib.gaudi_card_reset, self._card, lib.GAUDI_RESET_USUAL if duration_ns is None else duration_ns)

    def set_conditions(
        self,
        ambient_c: float | None = None,
        airflow: float | None = None,
        clock_ceiling: float | None = None,
        brake: float | None = None,
    ) -> None:
        """None keeps the present value. Airflow and ceiling are shares of the normal and the maximum one, the brake is
        the share of the power limit that it leaves."""
        values = [math.nan if value is None else value for value in (ambient_c, airflow, clock_ceiling, brake)]
        _checked(lib.gaudi_card_set_conditions, self._card, ffi.new("gaudi_conditions *", values))

    def set_lost(self, is_lost: bool) -> None:
        _checked(lib.gaudi_card_set_lost, self._card, is_lost)

    def set_pcie(self, generation: int | None = None, width: int | None = None) -> None:
        """What the link to the host trained; None keeps the present value, 0 means that of the card."""
        now = self._read()
        generation = now.pcie_generation if generation is None else generation
        width = now.pcie_width if width is None else width
        _checked(lib.gaudi_card_set_pcie, self._card, generation, width)

    def break_down(self, what: int) -> None:
        """enum gaudi_breakdown. BoxError if the card is not operational."""
        _checked(lib.gaudi_card_break, self._card, what)

    def mend(self) -> None:
        """End breakdowns that the driver has not given up on yet."""
        _checked(lib.gaudi_card_mend, self._card)

    def log(self, level: int, text: str) -> None:
        """A line for the kernel log of the box: 3 error, 4 warning, 6 information."""
        lib.gaudi_card_log(self._card, level, text.encode())

    def now_ns(self) -> int:
        """Box time."""
        return self._box.now_ns()

    def count_launches(self, count: int) -> None:
        _checked(lib.gaudi_card_count_launches, self._card, count)

    def add_fault(self, fault: FaultRecord) -> None:
        _checked(lib.gaudi_card_add_fault, self._card, _raw_fault(fault))

    def remove_fault(self, fault: FaultRecord) -> None:
        """This one; BoxError if it is not there any more."""
        _checked(lib.gaudi_card_remove_fault, self._card, _raw_fault(fault))

    def hit_fault(self, fault: FaultRecord, hits: int = 1) -> None:
        """Note that it struck; BoxError if it is not there any more."""
        _checked(lib.gaudi_card_hit_fault, self._card, _raw_fault(fault), hits)

    def remove_faults(self, kind: int | None = None) -> None:
        """All of a kind, or all."""
        _checked(lib.gaudi_card_remove_faults, self._card, kind or 0)

    def post_event(self, kind: int, argument: int) -> None:
        self._snapshot(lib.gaudi_card_post_event(self._card, kind, argument))

    def _read(self) -> CData:
        raw = ffi.new("gaudi_reading *")
        code = lib.gaudi_card_read(self._card, raw)
        if code != 0:
            self._snapshot(code)
        return raw

    def check(self, code: int) -> None:
        """Raise what a negative errno of a reading function of card.h means."""
        self._snapshot(code)

    def _snapshot(self, code: int) -> None:
        """The reading functions of card.h have no text of their own."""
        if code == -errno.ESTALE:
            raise CardLostError(f"{self._label} is gone: the box was taken down or replaced")
        if code == -errno.ENODEV:
            raise CardLostError(f"{self._label} is gone: its driver was unloaded")
        if code != 0:
            raise BoxError(f"{self._label}: {os.strerror(-code)}; take the box up again with 'gaudi-box up'")


def _fault_record(raw: CData) -> FaultRecord:
    parameters = (int(raw.parameter[0]), int(raw.parameter[1]))
    return FaultRecord(
        raw.kind, raw.flags, raw.degree, raw.seed, raw.address, raw.injected_ns, parameters, int(raw.hits)
    )


def _raw_fault(fault: FaultRecord) -> CData:
    raw = ffi.new("gaudi_fault *")
    raw.kind, raw.flags, raw.degree = fault.kind, fault.flags, fault.degree
    raw.seed, raw.address, raw.parameter = fault.seed, fault.address, fault.parameters
    raw.injected_ns, raw.hits = fault.injected_ns, fault.hits
    return raw


class Box:
    """An attached box. `cards` are in the order of their accel numbers."""

    def __init__(self, box: CData) -> None:
        self._raw = ffi.gc(box, lib.gaudi_box_close)
        self.path = _text(lib.gaudi_box_path(box))
        identity = lib.gaudi_box_identity_of(box)
        self.name = _text(identity.name)
        self.type = _text(identity.box_type)
        self.release = _text(identity.release)
        self.abi_level = int(identity.abi_level)
        self.boot_ns = int(lib.gaudi_box_boot_ns(box))
        count = lib.gaudi_box_card_count(box)
        self.cards = tuple(CardState(self, lib.gaudi_box_card(box, i), i) for i in range(count))

    @classmethod
    def open(cls, path: Path | str | None = None, for_writing: bool = True) -> Box:
        """The box at `path`, or the one that the environment means (made now if it is the default one)."""
        error = ffi.new("gaudi_error *")
        raw = ffi.new("gaudi_box **")
        if path is None:
            code = lib.gaudi_box_open(raw, for_writing, error)
        else:
            code = lib.gaudi_box_open_path(raw, os.fsencode(path), for_writing, error)
        if code != 0:
            raise BoxError(_text(error.text))
        return cls(raw[0])

    def card(self, index: int) -> CardState:
        """BoxError says which numbers there are."""
        if not 0 <= index < len(self.cards):
            raise BoxError(f"there is no card {index}; box {self.name} has {len(self.cards)} cards, from 0 on")
        return self.cards[index]

    @property
    def c_object(self) -> CData:
        """gaudi_box *, for readers of what this class does not carry (device/sysfs)."""
        return self._raw

    def now_ns(self) -> int:
        """Box time."""
        return int(lib.gaudi_box_now(self._raw))

    def check_alive(self) -> None:
        """CardLostError if the box was taken down or its driver unloaded."""
        code = lib.gaudi_box_alive(self._raw)
        if code != 0:
            raise device_error(code, f"the box at {self.path} was taken down, or its driver unloaded")

    @property
    def clock_rate(self) -> float:
        """Box seconds per second; 0 is frozen."""
        return float(lib.gaudi_box_clock_rate(self._raw))

    def set_clock(self, rate: float | None = None, step_ns: int = 0) -> None:
        """Change the rate, step forward, or both; box time stays continuous otherwise."""
        _checked(lib.gaudi_box_clock_set, self._raw, -1.0 if rate is None else rate, step_ns)

    def set_link(self, card: int, port: int, is_up: bool) -> None:
        _checked(lib.gaudi_box_set_link, self._raw, card, port, is_up)

    def set_flapping(self, card: int, port: int, is_flapping: bool) -> None:
        """The link goes down and comes back by itself, every 2 s of box time."""
        _checked(lib.gaudi_box_set_flapping, self._raw, card, port, is_flapping)

    @property
    def handle(self) -> CData:
        """The gaudi_box, for device.fabric."""
        return self._raw

    def close(self) -> None:
        """Release what is held and detach. Nothing of this box or its cards may be in use, now or later."""
        if self._raw is None:
            return
        for card in self.cards:
            card.detach()
        ffi.release(self._raw)
        self._raw = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
