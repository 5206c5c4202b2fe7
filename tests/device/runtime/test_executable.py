"""A recipe that is called with numpy arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from device.dtypes import DataType
from device.errors import LaunchError
from device.graph import GraphBuilder, compile_graph
from device.runtime import Card, Executable

F32, BF16, I32 = DataType.F32, DataType.BF16, DataType.I32


@pytest.fixture
def card(box: Any) -> Iterator[Card]:
    with Card.acquire(0, box=box.path) as held:
        yield held


@pytest.fixture
def step(card: Card) -> Executable:
    """w.next = w + x, in fp32; y = x in bf16; n = -k in i32."""
    g = GraphBuilder("step")
    w, x, k = g.input("w", (3, 2), F32), g.input("x", (3, 2), BF16), g.input("k", (2,), I32)
    g.output(g.add(w, g.cast(x, F32)), "w.next")
    g.output(g.copy(x), "y")
    g.output(g.neg(k), "n")
    return card.load(compile_graph(g.build(), card.spec))


def values() -> dict[str, np.ndarray]:
    return {"w": np.zeros((2, 3)), "x": np.full((2, 3), 1.001), "k": np.array([7, -8])}


def test_arrays_are_rounded_to_the_type_of_the_tensor(step: Executable) -> None:
    found = step(values())
    assert found["y"].dtype == np.float32
    assert np.array_equal(found["y"], np.ones((2, 3)))
    assert found["n"].tolist() == [-7, 8]
    assert sorted(found) == ["n", "w.next", "y"]


def test_a_swap_makes_the_next_weight_the_weight(step: Executable) -> None:
    step.put(values())
    for _ in range(5):
        step.launch()
        step.swap("w", "w.next")
    assert np.array_equal(step.get("w"), np.full((2, 3), 5.0))


WRONG = [
    ({"w": np.zeros((3, 2))}, r"input w has the shape \(2, 3\), the array \(3, 2\)"),
    ({"v": np.zeros(1)}, r"recipe step has no tensor v; it has w, x, k"),
    ({"w": np.zeros((2, 3))}, r"recipe step: input x was never put"),
]


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_what_does_not_fit_is_named(step: Executable, given: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(LaunchError, match=message):
        step(given)


def test_tensors_of_different_size_cannot_be_swapped(step: Executable) -> None:
    with pytest.raises(LaunchError, match=r"w has 24 bytes, y 12; they cannot be swapped"):
        step.swap("w", "y")


def test_closing_gives_the_memory_back(card: Card, step: Executable) -> None:
    before = card.read().memory_used_bytes
    with step:
        step(values())
    assert card.read().memory_used_bytes < before
    step.close()
