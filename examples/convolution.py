"""Training a small convolution network on an emulated card: lines from crosses, each in noise.

    python examples/convolution.py [STEPS]

Images of 12 x 12 -> 8 filters of 3 x 3 -> 16 of 3 x 3 with stride 2 -> two classes; SGD with momentum, gradients
by dedx and dedw. The logits of the first step are checked by numpy.
"""

from __future__ import annotations

import sys

import numpy as np

from device.arrays import bf16_from_f32, f32_from_bf16
from device.dtypes import DataType
from device.graph import Graph, GraphBuilder, Sgd, compile_graph, cross_entropy, gradients
from device.runtime import Card

BF16, F32 = DataType.BF16, DataType.F32
BATCH, SIZE, CLASSES = 64, 12, 2
FLAT = 16 * 6 * 6
FILTERS = {"conv1": (8, 1, 3, 3), "conv2": (16, 8, 3, 3), "dense": (CLASSES, FLAT)}
SGD, RATE, STEPS = Sgd(momentum=0.9), 0.03, 25

# Logits of size 1 from activations that are rounded to bf16 twice, 2^-9 each, averaged over 576 of them.
TOLERANCE = 0.01


def build() -> Graph:
    g = GraphBuilder("convolution")
    x, labels = g.input("x", (1, SIZE, SIZE, BATCH), BF16), g.input("labels", (BATCH,), DataType.I32)
    weights = {name: g.input(name, dims, F32) for name, dims in FILTERS.items()}
    conv1, conv2, dense = (g.cast(weight, BF16) for weight in weights.values())
    first = g.cast(g.relu(g.convolution(x, conv1, padding=1)), BF16)
    second = g.cast(g.relu(g.convolution(first, conv2, stride=2, padding=1)), BF16)
    logits = g.gemm(g.reshape(second, (FLAT, BATCH)), dense)
    loss = cross_entropy(g, logits, labels)
    for (name, w), dw in zip(weights.items(), gradients(g, loss, tuple(weights.values())), strict=True):
        following, moved = SGD.step(g, w, dw, RATE, g.input(f"{name}.m", FILTERS[name], F32))
        g.output(following, f"{name}.next")
        g.output(moved, f"{name}.m.next")
    g.output(logits, "logits")
    g.output(loss, "loss")
    return g.build()


def pictures(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A horizontal line, and in half of the images a vertical one too."""
    labels = random.integers(0, CLASSES, BATCH)
    images = random.normal(scale=0.3, size=(BATCH, SIZE, SIZE, 1))
    for image, label in zip(images, labels, strict=True):
        row, column = random.integers(2, SIZE - 2, 2)
        image[row, 1:-1] += 1
        image[1:-1, column] += label
    return images, labels


def expected(values: dict[str, np.ndarray]) -> np.ndarray:
    """Logits, in fp64 from the same bf16 numbers."""
    wide = {name: f32_from_bf16(bf16_from_f32(v.astype(np.float32))).astype(np.float64) for name, v in values.items()}
    first = np.maximum(convolved(wide["x"], wide["conv1"], 1), 0)
    second = np.maximum(convolved(first, wide["conv2"], 2), 0)
    return second.reshape(BATCH, FLAT) @ wide["dense"]


def convolved(x: np.ndarray, w: np.ndarray, stride: int) -> np.ndarray:
    padded, size = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), x.shape[1]
    taps = [padded[:, i : i + size : stride, j : j + size : stride] @ w[i, j] for i in range(3) for j in range(3)]
    return np.sum(taps, axis=0)


def main(arguments: list[str]) -> int:
    steps = int(arguments[0]) if arguments else STEPS
    random = np.random.default_rng(5)
    images, labels = pictures(random)
    weights = {n: random.normal(size=d[::-1]) * (2 / np.prod(d[1:])) ** 0.5 for n, d in FILTERS.items()}
    moments = {f"{name}.m": np.zeros(dims[::-1]) for name, dims in FILTERS.items()}
    losses: list[float] = []
    with Card.acquire(0) as card:
        step = card.load(compile_graph(build(), card.spec))
        step.put({"x": images, "labels": labels, **weights, **moments})
        for number in range(steps):
            result = step.launch()
            losses.append(float(step.get("loss")[0]))
            if number == 0:
                error = float(np.abs(step.get("logits") - expected({"x": images, **weights})).max())
            for name in (*weights, *moments):
                step.swap(name, f"{name}.next")
        right = float((step.get("logits").argmax(axis=1) == labels).mean())
    print(f"{steps} steps of {result.device_time_s * 1e6:.1f} us device time")
    print(f"loss {losses[0]:.3f} to {losses[-1]:.3f}, {right:.0%} of the images right")
    print(f"largest difference to numpy {error:.2e}, allowed {TOLERANCE:.2e}")
    return 0 if error <= TOLERANCE and losses[-1] < losses[0] / 2 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
