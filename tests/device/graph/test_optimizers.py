"""Steps of the optimizers against their formulas in fp64, over several steps."""

from __future__ import annotations

import numpy as np
import pytest

from device.dtypes import DataType
from device.graph import AdamState, AdamW, GraphBuilder, Sgd
from device.graph.interpret import interpret

F32 = DataType.F32
RATE = 0.1


def slopes(steps: int) -> list[np.ndarray]:
    return [np.random.default_rng(seed).normal(size=(3, 4)).astype(np.float32) for seed in range(steps)]


@pytest.mark.parametrize("momentum", [None, 0.9])
def test_sgd_goes_down_the_slope(momentum: float | None) -> None:
    g = GraphBuilder("sgd")
    w, dw = g.input("w", (4, 3), F32), g.input("dw", (4, 3), F32)
    m = None if momentum is None else g.input("m", (4, 3), F32)
    results = Sgd(momentum or 0.0).step(g, w, dw, RATE, m)
    for name, tensor in zip(("w.next", "m.next"), results, strict=False):
        g.output(tensor, name)
    graph = g.build()
    state = {"w": np.ones((3, 4), np.float32), **({} if m is None else {"m": np.zeros((3, 4), np.float32)})}
    wanted, moved = np.ones((3, 4)), np.zeros((3, 4))
    for slope in slopes(4):
        found = interpret(graph, {**state, "dw": slope})
        state = {name.removesuffix(".next"): value for name, value in found.items()}
        moved = (momentum or 0.0) * moved + slope
        wanted = wanted - RATE * moved
    np.testing.assert_allclose(state["w"], wanted, rtol=1e-5)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adamw_follows_its_paper(decay: float) -> None:
    adam = AdamW(decay=decay)
    g = GraphBuilder("adam")
    w, dw, m, v = (g.input(name, (4, 3), F32) for name in ("w", "dw", "m", "v"))
    corrections = (g.input("c1", (1,), F32), g.input("c2", (1,), F32))
    following, state = adam.step(g, w, dw, AdamState(m, v), RATE, corrections)
    for name, tensor in (("w", following), ("m", state.m), ("v", state.v)):
        g.output(tensor, f"{name}.next")
    graph = g.build()
    values = {"w": np.ones((3, 4), np.float32), **{name: np.zeros((3, 4), np.float32) for name in "mv"}}
    wanted, mean, square = np.ones((3, 4)), np.zeros((3, 4)), np.zeros((3, 4))
    for step, slope in enumerate(slopes(5), start=1):
        c1, c2 = (np.array([each], np.float32) for each in adam.corrections(step))
        found = interpret(graph, {**values, "dw": slope, "c1": c1, "c2": c2})
        values = {name.removesuffix(".next"): value for name, value in found.items()}
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope.astype(np.float64) ** 2
        step_size = RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        wanted = wanted - RATE * decay * wanted - step_size
    np.testing.assert_allclose(values["w"], wanted, rtol=2e-5, atol=1e-6)
