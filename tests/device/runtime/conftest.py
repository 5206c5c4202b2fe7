"""Acquired cards and small recipes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from device.dtypes import DataType
from device.graph import GraphBuilder, compile_graph
from device.recipe import Recipe, from_bytes, to_bytes
from device.runtime import Card, DeviceBuffer
from device.spec import load_spec


@pytest.fixture
def card(box: Any) -> Iterator[Card]:
    with Card.acquire(0, box.path) as card:
        yield card


@pytest.fixture
def gemm_recipe() -> Callable[..., Recipe]:
    """relu(A x B) of square matrices, through its bytes as another process would get it."""

    def make(size: int = 64, family: str = "gaudi2") -> Recipe:
        graph = GraphBuilder("dense")
        a = graph.input("A", (size, size), DataType.BF16)
        b = graph.input("B", (size, size), DataType.BF16)
        graph.output(graph.relu(graph.gemm(a, b)), "C")
        return from_bytes(to_bytes(compile_graph(graph.build(), load_spec(family))))

    return make


@pytest.fixture
def tensors() -> Callable[[Card, Recipe], dict[str, DeviceBuffer]]:
    """Buffers for all tensors of a recipe; inputs hold positive bf16 numbers that depend on the name only."""

    def make(card: Card, recipe: Recipe) -> dict[str, DeviceBuffer]:
        buffers = {tensor.name: card.malloc(tensor.size_bytes) for tensor in recipe.tensors}
        for tensor in recipe.tensors:
            if tensor.role == "input":
                card.copy_to_device(buffers[tensor.name], bf16(tensor.name, tensor.dims))
        return buffers

    return make


@pytest.fixture
def operand() -> Callable[..., Any]:
    """What `tensors` puts into an input."""
    return bf16


def bf16(name: str, dims: tuple[int, ...]) -> Any:
    random = np.random.default_rng([ord(letter) for letter in name])
    return random.integers(0x3E00, 0x4000, tuple(reversed(dims))).astype(np.uint16)
