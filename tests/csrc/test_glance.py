"""The cheap readings of csrc/glance.c show what the full reading shows, to the last bit."""

from __future__ import annotations

from typing import Any

import pytest
from private_box import PrivateBox

from device._device import ffi, lib
from device.card import Box

NULL = ffi.NULL
MILLISECOND = 1_000_000
FULL = (1.0, 0.1, 0.0, 0.2, 0.0, 0.0)


def value(kind: str, read: Any, *arguments: Any) -> Any:
    out = ffi.new(f"{kind} *")
    assert read(*arguments, out) == 0
    return out[0]


@pytest.mark.parametrize("later_ms", [0, 70, 500, 1000, 60_000])
def test_each_quantity_equals_that_of_the_full_reading(box: PrivateBox, later_ms: int) -> None:
    with Box.open(box.path) as opened:
        opened.set_clock(rate=0.0)
        opened.card(0).set_conditions(airflow=0.4)
        opened.card(0).publish_activity(FULL, 1.0)
        opened.card(0).set_limit(400_000)
        opened.set_clock(step_ns=later_ms * MILLISECOND)
    raw = ffi.new("gaudi_box **")
    assert lib.gaudi_box_open_path(raw, str(box.path).encode(), False, NULL) == 0
    card = lib.gaudi_box_card(raw[0], 0)
    reading = ffi.new("gaudi_reading *")
    assert lib.gaudi_card_read(card, reading) == 0
    assert value("double", lib.gaudi_card_read_power, card) == reading.power_54v_w
    assert value("double", lib.gaudi_card_read_energy, card) == reading.energy_j
    assert value("uint64_t", lib.gaudi_card_read_memory, card) == reading.memory_used_bytes
    assert value("uint64_t", lib.gaudi_card_read_limit, card) == reading.limit_mw == 400_000
    ratio, flags = ffi.new("double *"), ffi.new("uint32_t *")
    assert lib.gaudi_card_read_clock(card, ratio, flags) == 0
    assert (ratio[0], flags[0]) == (reading.clock_ratio, reading.flags)
    power, limit = ffi.new("double *"), ffi.new("uint64_t *")
    assert lib.gaudi_card_read_load(card, power, limit) == 0
    assert (power[0], limit[0]) == (reading.power_54v_w, 400_000)
    identity = lib.gaudi_card_identity(card)
    for group in range(lib.GAUDI_SENSOR_VRM + 1):
        hottest = max(
            lib.gaudi_sensor_temperature(card, i, reading)
            for i in range(identity.sensor_count)
            if identity.sensor[i].group == group
        )
        assert value("double", lib.gaudi_card_read_temperature, card, group) == hottest
    lib.gaudi_box_close(raw[0])
