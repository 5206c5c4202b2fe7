"""Whatever the bytes of a box are, a reader gets values that fit together or one of our errors, and ends."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest
from private_box import PrivateBox

import hlml

FILES = ("box", "accel0")
GETTERS = ("power_mw", "temperature_c", "clock_soc_mhz", "utilization_percent", "memory_used_bytes", "energy_mj")
ROUNDS = 150


def damaged(good: bytes, rng: random.Random) -> bytes:
    data = bytearray(good)
    for _ in range(rng.choice([1, 1, 4, 64, 1000])):
        data[rng.randrange(len(data))] = rng.choice([0, 255, rng.randrange(256)])
    return bytes(data)


def overwrite(path: Path, data: bytes) -> None:
    with path.open("r+b") as file:
        file.write(data)


def look() -> None:
    hlml.init()
    for device in hlml.devices()[:1]:
        snapshot = device.snapshot()
        assert snapshot.memory_used_bytes + snapshot.memory_free_bytes == snapshot.memory_total_bytes
        assert 0 <= snapshot.utilization_aip_percent <= 100
        for name in GETTERS:
            with contextlib.suppress(hlml.HlmlError):
                getattr(device, name)


@pytest.mark.parametrize("seed", range(4))
def test_random_damage_gives_errors_and_never_a_crash(box: PrivateBox, seed: int) -> None:
    rng = random.Random(seed)
    good = {name: (box.path / name).read_bytes() for name in FILES}
    for _ in range(ROUNDS):
        for name in FILES:
            overwrite(box.path / name, damaged(good[name], rng))
        with contextlib.suppress(hlml.HlmlError):
            look()
        hlml.shutdown()
    for name in FILES:
        overwrite(box.path / name, good[name])
    look()
    hlml.shutdown()
