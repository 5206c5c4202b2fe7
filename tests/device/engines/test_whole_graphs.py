"""A compiled graph through the engines, bit for bit what device.graph.interpret says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from device.dtypes import DataType
from device.engines import ExecutionOptions, bind
from device.graph import OPTIONAL_PASSES, Graph, GraphBuilder, Tensor, compile_graph
from device.graph.interpret import interpret, numpy_type
from device.graph.reference import bf16_from_f32
from device.recipe import Operand, Recipe
from device.spec import load_spec

BF16, F32 = DataType.BF16, DataType.F32
HEADS, LENGTH, WIDTH = 2, 48, 32


def attention() -> Graph:
    """Softmax attention of two heads between two normalisations, with every kind of descriptor in it."""
    g = GraphBuilder("attention")
    x = g.input("x", (HEADS * WIDTH, LENGTH), BF16)
    gamma = g.input("gamma", (HEADS * WIDTH,), F32)
    normed = g.rms_norm(x, gamma)
    query, key, value = (_heads(g, g.gemm(normed, _weight(g, name), dtype=BF16)) for name in ("wq", "wk", "wv"))
    scores = g.mul(g.batch_gemm(query, g.transpose(key, (1, 0, 2))), g.constant(WIDTH**-0.5, (1,), F32))
    mixed = g.batch_gemm(g.cast(g.softmax(scores), BF16), value, dtype=BF16)
    merged = g.reshape(g.transpose(mixed, (0, 2, 1)), (HEADS * WIDTH, LENGTH))
    summed = g.add(g.add(merged, x), g.zeros((1,), BF16))
    g.output(g.layer_norm(summed, gamma, gamma), "y")
    g.output(g.concat((g.reduce_max(scores), g.reduce_sum(scores)), 0), "extremes")
    return g.build()


def _weight(g: GraphBuilder, name: str) -> Tensor:
    return g.input(name, (HEADS * WIDTH, HEADS * WIDTH), BF16)


def _heads(g: GraphBuilder, x: Tensor) -> Tensor:
    """(width * heads, length) to (width, length, heads)."""
    return g.transpose(g.reshape(x, (WIDTH, HEADS, LENGTH)), (0, 2, 1))


def _run(recipe: Recipe, values: dict[str, Any], gate: Any) -> dict[str, Any]:
    workspace = np.full(recipe.workspace_bytes, 0xA5, np.uint8)
    memory = [np.zeros(tensor.size_bytes, np.uint8) for tensor in recipe.tensors]
    for name, value in values.items():
        memory[recipe.tensor_ids[name]][:] = value.reshape(-1).view(np.uint8)

    def views(operand: Operand) -> Any:
        whole = workspace if operand.tensor is None else memory[operand.tensor]
        return whole[operand.offset_bytes : operand.offset_bytes + operand.size_bytes]

    for descriptor in recipe.in_order:
        bind(descriptor, views, ExecutionOptions()).run(gate)
    tensors = zip(recipe.tensors, memory, strict=True)
    return {tensor.name: data.view(numpy_type(tensor.dtype)) for tensor, data in tensors if tensor.role == "output"}


@pytest.mark.parametrize("asic", ["gaudi2", "gaudi3"])
@pytest.mark.parametrize("skip", [(), tuple(OPTIONAL_PASSES)], ids=["all passes", "no optional pass"])
def test_engines_compute_what_the_graph_means(asic: str, skip: tuple[str, ...], quiet: Any) -> None:
    graph = attention()
    random = np.random.default_rng(3)
    values = {}
    for tensor in graph.inputs:
        numbers = random.normal(size=tensor.shape[::-1]).astype(np.float32)
        values[tensor.name] = bf16_from_f32(numbers) if tensor.dtype is BF16 else numbers
    recipe = compile_graph(graph, load_spec(asic), skip=skip)
    found, wanted = _run(recipe, values, quiet), interpret(graph, values)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name].tobytes() == value.tobytes(), name
