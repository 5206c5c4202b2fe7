"""A block of multi-head attention with its residual and normalisation on an emulated card, checked against numpy.

    python examples/attention.py [TRACE.json]

With a file name it also writes the time line of the launch, for ui.perfetto.dev.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from device.dtypes import DataType
from device.graph import Graph, GraphBuilder, Tensor, compile_graph
from device.graph.reference import bf16_from_f32, f32_from_bf16
from device.recipe import Recipe, launch_cost
from device.recipe.trace import render_summary, trace_json
from device.runtime import Card

HEADS, LENGTH, WIDTH = 8, 128, 64
MODEL = HEADS * WIDTH
WEIGHTS = ("wq", "wk", "wv", "wo")

# Several roundings to bf16 (2^-9 each) on values of size 1 after the normalisation.
TOLERANCE = 0.02


def build() -> Graph:
    g = GraphBuilder("attention")
    x = g.input("x", (MODEL, LENGTH), DataType.BF16)
    gamma = g.input("gamma", (MODEL,), DataType.F32)
    weights = {name: g.input(name, (MODEL, MODEL), DataType.BF16) for name in WEIGHTS}
    normed = g.rms_norm(x, gamma)
    query, key, value = (heads(g, g.gemm(normed, weights[name], dtype=DataType.BF16)) for name in WEIGHTS[:3])
    scores = g.mul(g.batch_gemm(query, g.transpose(key, (1, 0, 2))), g.constant(WIDTH**-0.5, (1,), DataType.F32))
    mixed = g.batch_gemm(g.cast(g.softmax(scores), DataType.BF16), value, dtype=DataType.BF16)
    merged = g.reshape(g.transpose(mixed, (0, 2, 1)), (MODEL, LENGTH))
    g.output(g.add(g.gemm(merged, weights["wo"]), g.cast(x, DataType.F32)), "y")
    return g.build()


def heads(g: GraphBuilder, x: Tensor) -> Tensor:
    """[length, heads * width] to [heads, length, width], as numpy would list it."""
    return g.transpose(g.reshape(x, (WIDTH, HEADS, LENGTH)), (0, 2, 1))


def random_values() -> dict[str, np.ndarray]:
    """bf16 bits, and the fp32 gamma."""
    random = np.random.default_rng(1)
    values: dict[str, np.ndarray] = {"gamma": np.ones(MODEL, np.float32)}
    values["x"] = bf16_from_f32(random.normal(size=(LENGTH, MODEL)).astype(np.float32))
    for name in WEIGHTS:
        values[name] = bf16_from_f32((random.normal(size=(MODEL, MODEL)) * MODEL**-0.5).astype(np.float32))
    return values


def run(card: Card, recipe: Recipe, values: dict[str, np.ndarray]) -> np.ndarray:
    buffers = {tensor.name: card.malloc(tensor.size_bytes) for tensor in recipe.tensors}
    for name, value in values.items():
        card.copy_to_device(buffers[name], value)
    card.create_stream().launch(recipe, buffers).result()
    y = np.empty((LENGTH, MODEL), np.float32)
    card.copy_from_device(buffers["y"], y)
    return y


def expected(values: dict[str, np.ndarray]) -> np.ndarray:
    """In fp64, from the same bf16 inputs."""
    wide = {name: f32_from_bf16(values[name]).astype(np.float64) for name in ("x", *WEIGHTS)}
    x = wide["x"]
    normed = x / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-6) * values["gamma"]
    query, key, value = ((normed @ wide[n]).reshape(LENGTH, HEADS, WIDTH).swapaxes(0, 1) for n in WEIGHTS[:3])
    scores = query @ key.swapaxes(1, 2) * WIDTH**-0.5
    weights = np.exp(scores - scores.max(axis=2, keepdims=True))
    mixed = weights / weights.sum(axis=2, keepdims=True) @ value
    return np.asarray(mixed.swapaxes(0, 1).reshape(LENGTH, MODEL) @ wide["wo"] + x)


def main(arguments: list[str]) -> int:
    with Card.acquire(0) as card:
        recipe = compile_graph(build(), card.spec)
        cost = launch_cost(recipe, card.spec)
        print(render_summary(recipe, cost), end="")
        if arguments:
            Path(arguments[0]).write_text(trace_json(recipe, cost), encoding="utf-8")
        values = random_values()
        error = float(np.abs(run(card, recipe, values) - expected(values)).max())
    print(f"largest difference to numpy {error:.2e}, allowed {TOLERANCE:.2e}")
    return 0 if error <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
