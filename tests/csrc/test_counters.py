"""What is counted, noted and read back of a card through card.h: launches, faults, conditions."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import pytest
from private_box import PrivateBox

from device._device import ffi, lib

NULL = ffi.NULL


@pytest.fixture
def card(box: PrivateBox) -> Iterator[Any]:
    opened = ffi.new("gaudi_box **")
    assert lib.gaudi_box_open_path(opened, str(box.path).encode(), True, NULL) == 0
    yield lib.gaudi_box_card(opened[0], 0)
    lib.gaudi_box_close(opened[0])


def read(card: Any) -> Any:
    reading = ffi.new("gaudi_reading *")
    assert lib.gaudi_card_read(card, reading) == 0
    return reading


def faults_of(card: Any) -> list[Any]:
    faults = ffi.new("gaudi_faults *")
    assert lib.gaudi_card_read_faults(card, faults) == 0
    return [ffi.new("gaudi_fault *", faults.fault[i]) for i in range(faults.count)]


def test_launches_are_counted_by_whoever_launches(card: Any) -> None:
    for step in range(10):
        assert lib.gaudi_card_publish_activity(card, [step / 10] + [0.0] * 5, 1.0, NULL) == 0
    assert read(card).launches == 0
    assert lib.gaudi_card_count_launches(card, 3, NULL) == 0
    assert lib.gaudi_card_count_launches(card, 4, NULL) == 0
    assert read(card).launches == 7
    assert read(card).activity[0] == 0.9  # counting leaves the future as it is


def test_one_fault_is_counted_and_removed(card: Any) -> None:
    for seed in (1, 2, 3):
        assert lib.gaudi_card_add_fault(card, ffi.new("gaudi_fault *", {"kind": 1, "seed": seed}), NULL) == 0
    second = faults_of(card)[1]
    assert lib.gaudi_card_hit_fault(card, second, 2, NULL) == 0
    assert lib.gaudi_card_hit_fault(card, second, 1, NULL) == 0
    assert [fault.hits for fault in faults_of(card)] == [0, 3, 0]
    assert lib.gaudi_card_remove_fault(card, second, NULL) == 0
    assert [fault.seed for fault in faults_of(card)] == [1, 3]
    error = ffi.new("gaudi_error *")
    assert lib.gaudi_card_remove_fault(card, second, error) == -errno.ENOENT
    assert lib.gaudi_card_hit_fault(card, second, 1, error) == -errno.ENOENT
    assert b"healed" in ffi.string(error.text)


def test_conditions_are_read_as_they_were_set(card: Any) -> None:
    conditions = ffi.new("gaudi_conditions *")
    assert lib.gaudi_card_read_conditions(card, conditions) == 0
    physics = lib.gaudi_card_physics(card)
    assert (conditions.ambient_c, conditions.airflow, conditions.clock_ceiling) == (
        physics.ambient_c,
        physics.airflow,
        1.0,
    )
    wanted = ffi.new("gaudi_conditions *", {"ambient_c": 35.5, "airflow": 0.5, "clock_ceiling": float("nan")})
    assert lib.gaudi_card_set_conditions(card, wanted, NULL) == 0
    assert lib.gaudi_card_read_conditions(card, conditions) == 0
    assert (conditions.ambient_c, conditions.airflow, conditions.clock_ceiling) == (35.5, 0.5, 1.0)
