"""The forward pass of a two-layer perceptron on an emulated card, checked against numpy.

    python examples/mlp.py

x[batch, 256] -> 512 with gelu -> 10 logits with softmax; weights in bf16, sums in fp32.
"""

from __future__ import annotations

import sys

import numpy as np

from device.dtypes import DataType
from device.graph import Graph, GraphBuilder, compile_graph
from device.graph.explain import explain
from device.graph.reference import bf16_from_f32, f32_from_bf16
from device.recipe import Recipe
from device.runtime import Card

BATCH, INPUT, HIDDEN, CLASSES = 64, 256, 512, 10

# bf16 keeps 8 bits: hidden values are off by up to 2^-9, which averages out over 512 of them.
TOLERANCE = 0.001


def build() -> Graph:
    g = GraphBuilder("mlp")
    x = g.input("x", (INPUT, BATCH), DataType.BF16)
    w1, b1 = g.input("w1", (HIDDEN, INPUT), DataType.BF16), g.input("b1", (HIDDEN,), DataType.F32)
    w2, b2 = g.input("w2", (CLASSES, HIDDEN), DataType.BF16), g.input("b2", (CLASSES,), DataType.F32)
    hidden = g.cast(g.gelu(g.add(g.gemm(x, w1), b1)), DataType.BF16)
    g.output(g.softmax(g.add(g.gemm(hidden, w2), b2)), "y")
    return g.build()


def random_values(recipe: Recipe) -> dict[str, np.ndarray]:
    """fp32, small enough that sums stay near 1."""
    random = np.random.default_rng(0)
    inputs = [tensor for tensor in recipe.tensors if tensor.role == "input"]
    return {t.name: (random.normal(size=t.dims[::-1]) / np.sqrt(t.dims[-1])).astype(np.float32) for t in inputs}


def run(card: Card, recipe: Recipe, values: dict[str, np.ndarray]) -> np.ndarray:
    buffers = {tensor.name: card.malloc(tensor.size_bytes) for tensor in recipe.tensors}
    for name, value in values.items():
        is_bf16 = recipe.tensor(name).dtype is DataType.BF16
        card.copy_to_device(buffers[name], bf16_from_f32(value) if is_bf16 else value)
    result = card.create_stream().launch(recipe, buffers).result()
    print(f"device time {result.device_time_s * 1e6:.2f} us at {result.clock_mhz:.0f} MHz")
    y = np.empty(recipe.tensor("y").dims[::-1], np.float32)
    card.copy_from_device(buffers["y"], y)
    return y


def expected(values: dict[str, np.ndarray]) -> np.ndarray:
    """In fp64, from the same bf16 inputs."""
    x, w1, w2 = (f32_from_bf16(bf16_from_f32(values[name])).astype(np.float64) for name in ("x", "w1", "w2"))
    before = x @ w1 + values["b1"]
    hidden = before / 2 * (1 + np.tanh(0.79788456 * (before + 0.044715 * before**3)))
    logits = hidden @ w2 + values["b2"]
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def main() -> int:
    graph = build()
    with Card.acquire(0) as card:
        print(explain(graph, card.spec), end="")
        recipe = compile_graph(graph, card.spec)
        values = random_values(recipe)
        error = float(np.abs(run(card, recipe, values) - expected(values)).max())
    print(f"largest difference to numpy {error:.2e}, allowed {TOLERANCE:.2e}")
    return 0 if error <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
