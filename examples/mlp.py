"""Training a two-layer perceptron on an emulated card: AdamW on a spiral of three arms, each step checked by numpy.

    python examples/mlp.py [STEPS]

One recipe is a whole step: forward, loss, gradients, optimizer. Weights are kept in fp32 and multiplied in bf16. A
launch reads the weights of one set of buffers and writes the next ones into another; swapping the two makes a step.
"""

from __future__ import annotations

import sys

import numpy as np

from device.dtypes import DataType
from device.graph import AdamState, AdamW, Graph, GraphBuilder, Tensor, compile_graph, cross_entropy, gradients
from device.runtime import Card

BATCH, HIDDEN, CLASSES = 256, 64, 3
LAYERS = {"w1": (HIDDEN, 2), "b1": (HIDDEN,), "w2": (CLASSES, HIDDEN), "b2": (CLASSES,)}
ADAM = AdamW(decay=0.01)
RATE, STEPS = 0.05, 60

# The first loss rests on bf16 weights and hidden values, 2^-9 each, averaged over the batch.
TOLERANCE = 0.004


def build() -> Graph:
    g = GraphBuilder("mlp")
    x, labels = g.input("x", (2, BATCH), DataType.BF16), g.input("labels", (BATCH,), DataType.I32)
    rate = g.input("rate", (1,), DataType.F32)
    corrections = (g.input("c1", (1,), DataType.F32), g.input("c2", (1,), DataType.F32))
    weights = {name: g.input(name, dims, DataType.F32) for name, dims in LAYERS.items()}

    hidden = g.relu(g.add(g.gemm(x, g.cast(weights["w1"], DataType.BF16)), weights["b1"]))
    logits = g.add(g.gemm(g.cast(hidden, DataType.BF16), g.cast(weights["w2"], DataType.BF16)), weights["b2"])
    loss = cross_entropy(g, logits, labels)
    slopes = gradients(g, loss, tuple(weights.values()))

    for (name, w), dw in zip(weights.items(), slopes, strict=True):
        state = AdamState(moment(g, name, "m"), moment(g, name, "v"))
        following, moments = ADAM.step(g, w, dw, state, rate, corrections)
        g.output(following, f"{name}.next")
        g.output(moments.m, f"{name}.m.next")
        g.output(moments.v, f"{name}.v.next")
    g.output(logits, "logits")
    g.output(loss, "loss")
    return g.build()


def moment(g: GraphBuilder, name: str, which: str) -> Tensor:
    return g.input(f"{name}.{which}", LAYERS[name], DataType.F32)


def spiral(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points on three arms, and the arm of each."""
    labels = random.integers(0, CLASSES, BATCH)
    radius = random.uniform(0.1, 1.0, BATCH)
    angle = 4 * radius + labels * 2 * np.pi / CLASSES + random.normal(scale=0.1, size=BATCH)
    return 3 * radius[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1), labels


def start(random: np.random.Generator) -> dict[str, np.ndarray]:
    values = {}
    for name, dims in LAYERS.items():
        size = dims[-1] ** -0.5 if len(dims) == 2 else 0.0
        values[name] = random.normal(size=dims[::-1]) * size
        values[f"{name}.m"] = values[f"{name}.v"] = np.zeros(dims[::-1])
    return values


def expected_loss(values: dict[str, np.ndarray], x: np.ndarray, labels: np.ndarray) -> float:
    hidden = np.maximum(x @ values["w1"] + values["b1"], 0)
    logits = hidden @ values["w2"] + values["b2"]
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return float(-np.log(chances[np.arange(BATCH), labels]).mean())


def main(arguments: list[str]) -> int:
    steps = int(arguments[0]) if arguments else STEPS
    random = np.random.default_rng(0)
    values = start(random)
    x, labels = spiral(random)
    losses: list[float] = []
    with Card.acquire(0) as card:
        step = card.load(compile_graph(build(), card.spec))
        step.put({**values, "x": x, "labels": labels, "rate": [RATE]})
        for number in range(1, steps + 1):
            c1, c2 = ADAM.corrections(number)
            step.put({"c1": [c1], "c2": [c2]})
            result = step.launch()
            losses.append(float(step.get("loss")[0]))
            for name in (f"{layer}{part}" for layer in LAYERS for part in ("", ".m", ".v")):
                step.swap(name, f"{name}.next")
        right = float((step.get("logits").argmax(axis=1) == labels).mean())
    error = abs(losses[0] - expected_loss(values, x, labels))
    print(f"{steps} steps of {result.device_time_s * 1e6:.1f} us device time")
    print(f"loss {losses[0]:.3f} to {losses[-1]:.3f}, {right:.0%} of the points right")
    print(f"largest difference to numpy {error:.2e}, allowed {TOLERANCE:.2e}")
    return 0 if error <= TOLERANCE and losses[-1] < losses[0] / 2 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
