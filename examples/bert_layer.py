"""One encoder layer of BERT-base on an emulated card, checked against numpy.

    python examples/bert_layer.py

768 wide, 12 heads, 3072 in the middle, 128 tokens; operands in bf16, sums, softmax and norms in fp32.
"""

from __future__ import annotations

import sys

import numpy as np

from device.arrays import bf16_from_f32, f32_from_bf16
from device.dtypes import DataType
from device.graph import Graph, GraphBuilder, Tensor, compile_graph
from device.runtime import Card

BF16, F32 = DataType.BF16, DataType.F32
LENGTH, HEADS, WIDTH, MODEL, MIDDLE = 128, 12, 64, 768, 3072
WEIGHTS = {
    **dict.fromkeys(("query", "key", "value", "output"), (MODEL, MODEL)),
    "up": (MIDDLE, MODEL),
    "down": (MODEL, MIDDLE),
}
NORMS = ("attention", "final")
EPSILON = 1e-12  # as BERT has it; bf16 activations never come near it

# Outputs are normalised, of size 1. On the way values are rounded to bf16 (up to 2^-9 each) seven times; the largest of
# 98304 outputs, 4.5 standard deviations out, carries a rounding of the result alone of 2^-7.
TOLERANCE = 0.04


def build() -> Graph:
    g = GraphBuilder("bert_layer")
    x = g.input("x", (MODEL, LENGTH), BF16)
    query, key, value = (heads(g, dense(g, x, name)) for name in ("query", "key", "value"))
    scores = g.mul(g.batch_gemm(query, key, transpose_b=True), WIDTH**-0.5)
    mixed = g.batch_gemm(g.cast(g.softmax(scores), BF16), value, dtype=BF16)
    merged = g.reshape(g.transpose(mixed, (0, 2, 1)), (MODEL, LENGTH))
    attended = normed(g, g.add(g.cast(dense(g, merged, "output"), F32), g.cast(x, F32)), "attention")
    middle = g.cast(g.gelu(g.cast(dense(g, attended, "up"), F32)), BF16)
    g.output(normed(g, g.add(g.cast(dense(g, middle, "down"), F32), g.cast(attended, F32)), "final"), "y")
    return g.build()


def dense(g: GraphBuilder, x: Tensor, name: str) -> Tensor:
    w, bias = g.input(name, WEIGHTS[name], BF16), g.input(f"{name}.bias", WEIGHTS[name][:1], F32)
    return g.gemm(x, w, bias, dtype=BF16)


def heads(g: GraphBuilder, x: Tensor) -> Tensor:
    """[length, heads * width] to [heads, length, width], as numpy would list it."""
    return g.transpose(g.reshape(x, (WIDTH, HEADS, LENGTH)), (0, 2, 1))


def normed(g: GraphBuilder, x: Tensor, name: str) -> Tensor:
    gamma, beta = (g.input(f"{name}.{part}", (MODEL,), F32) for part in ("gamma", "beta"))
    return g.cast(g.layer_norm(x, gamma, beta, EPSILON), BF16)


def random_values() -> dict[str, np.ndarray]:
    """bf16 numbers as fp32, where the tensor is bf16."""
    random = np.random.default_rng(2)
    values = {"x": random.normal(size=(LENGTH, MODEL))}
    for name, (columns, rows) in WEIGHTS.items():
        values[name] = random.normal(size=(rows, columns)) * rows**-0.5
        values[f"{name}.bias"] = random.normal(size=columns) * 0.1
    for name in NORMS:
        values[f"{name}.gamma"] = 1 + 0.1 * random.normal(size=MODEL)
        values[f"{name}.beta"] = 0.1 * random.normal(size=MODEL)
    narrow = {"x", *WEIGHTS}
    wide = {name: value.astype(np.float32) for name, value in values.items()}
    return {name: f32_from_bf16(bf16_from_f32(value)) if name in narrow else value for name, value in wide.items()}


def expected(values: dict[str, np.ndarray]) -> np.ndarray:
    """In fp64, from the same inputs."""
    v = {name: value.astype(np.float64) for name, value in values.items()}

    def layer(x: np.ndarray, name: str) -> np.ndarray:
        return x @ v[name] + v[f"{name}.bias"]

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + EPSILON)
        return scaled * v[f"{name}.gamma"] + v[f"{name}.beta"]

    query, key, value = (
        layer(v["x"], name).reshape(LENGTH, HEADS, WIDTH).swapaxes(0, 1) for name in ("query", "key", "value")
    )
    scores = query @ key.swapaxes(1, 2) * WIDTH**-0.5
    weights = np.exp(scores - scores.max(axis=2, keepdims=True))
    mixed = weights / weights.sum(axis=2, keepdims=True) @ value
    attended = norm(layer(mixed.swapaxes(0, 1).reshape(LENGTH, MODEL), "output") + v["x"], "attention")
    up = layer(attended, "up")
    middle = up / 2 * (1 + np.tanh(0.79788456 * (up + 0.044715 * up**3)))
    return norm(layer(middle, "down") + attended, "final")


def main() -> int:
    values = random_values()
    with Card.acquire(0) as card:
        layer = card.load(compile_graph(build(), card.spec))
        y = layer(values)["y"]
        result = layer.launch()
    difference = np.abs(y - expected(values))
    rate = result.flops / result.device_time_s / 1e12
    print(f"{result.flops / 1e9:.2f} GFLOP in {result.device_time_s * 1e6:.1f} us device time, {rate:.0f} TFLOP/s")
    print(f"mean difference {difference.mean():.1e}")
    print(f"largest difference to numpy {difference.max():.2e}, allowed {TOLERANCE:.2e}")
    return 0 if difference.max() <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
