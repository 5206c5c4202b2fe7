"""A recipe with all three queues, a bias, a repeated operand and reuse of the workspace."""

import pytest

from device.graph import DataType, GraphBuilder, compile_graph
from device.recipe import Recipe
from device.spec import load_spec


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    g = GraphBuilder("sample")
    x = g.input("x", (32, 16), DataType.BF16)
    w = g.input("w", (64, 32), DataType.BF16)
    bias = g.input("bias", (64,), DataType.F32)
    hidden = g.cast(g.relu(g.add(g.gemm(x, w), bias)), DataType.BF16)
    copied = g.copy(hidden)
    v = g.input("v", (64, 8), DataType.BF16)
    g.output(g.gemm(copied, v, transpose_b=True), "y")
    g.output(g.add(hidden, g.relu(copied)), "z")
    return compile_graph(g.build(), load_spec("gaudi2"))
