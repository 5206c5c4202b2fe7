"""The power that everybody sees follows the operands of a multiplication."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from device.arrays import encoded
from device.card import Box
from device.dtypes import DataType
from device.engines.mme_operand import MmeOperand
from device.graph import GraphBuilder, compile_graph
from device.runtime import Card, Executable
from device.spec import load_spec

BF16, SIZE = DataType.BF16, 512


@pytest.fixture
def card(box: Any) -> Iterator[Card]:
    with Card.acquire(0, box=box.path) as held:
        yield held


@pytest.fixture
def gemm(card: Card) -> Executable:
    g = GraphBuilder("gemm")
    g.output(g.gemm(g.input("a", (SIZE, SIZE), BF16), g.input("b", (SIZE, SIZE), BF16)), "c")
    return card.load(compile_graph(g.build(), card.spec))


def settled_watts(card: Card, gemm: Executable, box: Box, values: np.ndarray) -> float:
    """Of the 54 V rail after many time constants of box time; the largest of some looks, should the host pause us."""
    gemm.put({"a": values, "b": values})
    stop = threading.Event()

    def keep_busy() -> None:
        while not stop.is_set():
            gemm.launch()

    thread = threading.Thread(target=keep_busy)
    thread.start()
    try:
        watts = []
        for _ in range(5):
            time.sleep(0.02)
            box.set_clock(step_ns=600_000_000_000)
            watts.append(card.read().power_w)
    finally:
        stop.set()
        thread.join()
    return max(watts)


def test_zeros_draw_less_than_random_numbers_and_small_whole_ones_lie_between(
    card: Card, gemm: Executable, box: Any
) -> None:
    random = np.random.default_rng(2).normal(size=(SIZE, SIZE))
    whole = np.random.default_rng(3).integers(-4, 5, (SIZE, SIZE))
    opened = Box.open(box.path)
    try:
        zero, between, full = (
            settled_watts(card, gemm, opened, values) for values in (np.zeros((SIZE, SIZE)), whole, random)
        )
    finally:
        opened.close()
    assert card.read().power_w > 0
    assert zero < between < full
    share = load_spec("gaudi2").mme.toggle_share
    assert zero < full * (1 - share / 2)


def rate(values: np.ndarray, dtype: DataType = BF16) -> float:
    bits = encoded(values, dtype)
    return MmeOperand(bits.view(np.uint8).reshape(-1), dtype, dtype, 1).toggle_rate()


def test_rate_is_the_share_of_bits_that_differ_between_neighbours() -> None:
    random = np.random.default_rng(0)
    normal = random.normal(size=1 << 20)
    bits = encoded(normal, BF16)
    wanted = np.unpackbits((bits[1:] ^ bits[:-1]).view(np.uint8)).mean()
    assert rate(normal) == pytest.approx(wanted, abs=0.01)
    assert rate(normal) == pytest.approx(0.35, abs=0.01)  # mme.toggle_reference
    assert rate(np.zeros(1000)) == rate(np.full(7, 3.5)) == rate(np.ones(1)) == 0.0
    assert rate(np.array([1.0, -1.0])) == pytest.approx(1 / 16)


@pytest.mark.parametrize("dtype", [BF16, DataType.F32, DataType.FP8_143])
def test_constant_operands_toggle_less_than_sorted_ones_and_those_less_than_random_ones(dtype: DataType) -> None:
    normal = np.random.default_rng(1).normal(size=1 << 16)
    assert 0.0 == rate(np.ones(1 << 16), dtype) < rate(np.sort(normal), dtype) < rate(normal, dtype)
