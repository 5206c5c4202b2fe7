"""A block of multi-head attention on an emulated card, forward and backward, checked against numpy.

    python examples/attention.py [TRACE.json]

With a file name it also writes the time line of the launch, for ui.perfetto.dev.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from device.arrays import bf16_from_f32, f32_from_bf16
from device.dtypes import DataType
from device.graph import Graph, GraphBuilder, Tensor, compile_graph, gradients
from device.recipe import launch_cost
from device.recipe.trace import render_summary, trace_json
from device.runtime import Card

HEADS, LENGTH, WIDTH = 8, 128, 64
MODEL = HEADS * WIDTH
WEIGHTS = ("wq", "wk", "wv", "wo")

GRADIENTS = ("gamma", "wq", "wo")

# Several roundings to bf16 (2^-9 each) on values of size 1 after the normalisation.
TOLERANCE = 0.02

# Of the slope along a random direction, relative to the gradient's length; as many roundings again.
GRADIENT_TOLERANCE = 0.03


def build() -> Graph:
    g = GraphBuilder("attention")
    x = g.input("x", (MODEL, LENGTH), DataType.BF16)
    gamma = g.input("gamma", (MODEL,), DataType.F32)
    weights = {name: g.input(name, (MODEL, MODEL), DataType.BF16) for name in WEIGHTS}
    normed = g.rms_norm(x, gamma)
    query, key, value = (heads(g, g.gemm(normed, weights[name], dtype=DataType.BF16)) for name in WEIGHTS[:3])
    scores = g.mul(g.batch_gemm(query, g.transpose(key, (1, 0, 2))), WIDTH**-0.5)
    mixed = g.batch_gemm(g.cast(g.softmax(scores), DataType.BF16), value, dtype=DataType.BF16)
    merged = g.reshape(g.transpose(mixed, (0, 2, 1)), (MODEL, LENGTH))
    y = g.add(g.gemm(merged, weights["wo"]), g.cast(x, DataType.F32))
    loss = g.reduce_sum(g.reshape(g.mul(y, g.input("dy", (MODEL, LENGTH), DataType.F32)), (y.count,)))
    for name, gradient in zip(GRADIENTS, gradients(g, loss, (gamma, weights["wq"], weights["wo"])), strict=True):
        g.output(gradient, f"{name}.grad")
    g.output(y, "y")
    return g.build()


def heads(g: GraphBuilder, x: Tensor) -> Tensor:
    """[length, heads * width] to [heads, length, width], as numpy would list it."""
    return g.transpose(g.reshape(x, (WIDTH, HEADS, LENGTH)), (0, 2, 1))


def random_values() -> dict[str, np.ndarray]:
    """Numbers that bf16 has, as fp32."""
    random = np.random.default_rng(1)
    values = {"x": random.normal(size=(LENGTH, MODEL))}
    for name in WEIGHTS:
        values[name] = random.normal(size=(MODEL, MODEL)) * MODEL**-0.5
    narrow = {name: f32_from_bf16(bf16_from_f32(value.astype(np.float32))) for name, value in values.items()}
    return {**narrow, "gamma": np.ones(MODEL), "dy": random.normal(size=(LENGTH, MODEL))}


def expected(values: dict[str, np.ndarray]) -> np.ndarray:
    """In fp64, from the same inputs."""
    wide = {name: value.astype(np.float64) for name, value in values.items()}
    x = wide["x"]
    normed = x / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-6) * wide["gamma"]
    query, key, value = ((normed @ wide[n]).reshape(LENGTH, HEADS, WIDTH).swapaxes(0, 1) for n in WEIGHTS[:3])
    scores = query @ key.swapaxes(1, 2) * WIDTH**-0.5
    weights = np.exp(scores - scores.max(axis=2, keepdims=True))
    mixed = weights / weights.sum(axis=2, keepdims=True) @ value
    return np.asarray(mixed.swapaxes(0, 1).reshape(LENGTH, MODEL) @ wide["wo"] + x)


def gradient_error(values: dict[str, np.ndarray], found: dict[str, np.ndarray], name: str) -> float:
    """Against the slope along a direction: it adds up all elements of the gradient, each with a weight of its own."""
    direction = np.random.default_rng(9).normal(size=values[name].shape)
    step = 1e-5
    ends = [(expected({**values, name: values[name] + s * step * direction}) * values["dy"]).sum() for s in (1, -1)]
    slope = (ends[0] - ends[1]) / (2 * step)
    gradient = found[f"{name}.grad"].astype(np.float64)
    return float(abs((gradient * direction).sum() - slope) / (np.sqrt((gradient**2).sum())))


def main(arguments: list[str]) -> int:
    values = random_values()
    with Card.acquire(0) as card:
        recipe = compile_graph(build(), card.spec)
        cost = launch_cost(recipe, card.spec)
        print(render_summary(recipe, cost), end="")
        if arguments:
            Path(arguments[0]).write_text(trace_json(recipe, cost), encoding="utf-8")
        found = card.load(recipe)(values)
    error = float(np.abs(found["y"] - expected(values)).max())
    slopes = {name: gradient_error(values, found, name) for name in GRADIENTS}
    print("gradients off by", ", ".join(f"{name} {off:.1e}" for name, off in slopes.items()), "of their size")
    print(f"largest difference to numpy {error:.2e}, allowed {TOLERANCE:.2e}")
    return 0 if error <= TOLERANCE and max(slopes.values()) <= GRADIENT_TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
