"""Gradients of random graphs of smooth operations are their slopes, however the operations follow each other."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ideal import ideal

from device.dtypes import DataType
from device.graph import Graph, GraphBuilder, Tensor, with_gradients

F32, SIDE = DataType.F32, 3


def random_loss(rng: random.Random) -> Graph:
    g = GraphBuilder("random")
    x, y, row = (g.input(name, dims, F32) for name, dims in (("x", (SIDE,) * 2), ("y", (SIDE,) * 2), ("row", (SIDE,))))
    pool = [x, y]
    for _ in range(rng.randint(1, 6)):
        pool.append(random_step(g, rng.choice(pool), rng.choice(pool), row, rng))
    last = g.mul(pool[-1], g.add(y, row))
    g.output(g.reduce_sum(g.reshape(last, (last.count,))), "loss")
    return with_gradients(g.build(), "loss", ["x", "y", "row"])


def random_step(g: GraphBuilder, a: Tensor, b: Tensor, row: Tensor, rng: random.Random) -> Tensor:
    steps = [
        lambda: g.add(a, b),
        lambda: g.mul(a, b),
        lambda: g.sub(a, row),
        lambda: g.div(a, g.add(g.mul(b, b), 1.0)),
        lambda: g.tanh(a),
        lambda: g.sigmoid(g.mul(a, row)),
        lambda: g.gelu(a),
        lambda: g.softmax(a),
        lambda: g.layer_norm(a, row, row, 0.1),
        lambda: g.sub(a, g.reduce_mean(a, rng.randrange(2))),
        lambda: g.gemm(a, b, None, rng.random() < 0.5, rng.random() < 0.5),
        lambda: g.transpose(a, (1, 0)),
        lambda: g.concat(tuple(reversed(g.split(a, (1, 2), 1))), 1),
        lambda: g.broadcast(g.slice(a, (0, 1), (SIDE, 2)), (SIDE, SIDE)),
    ]
    return rng.choice(steps)()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_gradients_of_random_graphs_are_slopes(seed: int) -> None:
    graph = random_loss(random.Random(seed))
    numbers = np.random.default_rng(seed)
    values = {tensor.name: numbers.normal(size=tensor.shape[::-1]) * 0.7 for tensor in graph.inputs}
    found = ideal(graph, values)
    direction = {name: numbers.normal(size=value.shape) for name, value in values.items()}
    step = 1e-5
    ends = [
        ideal(graph, {name: value + sign * step * direction[name] for name, value in values.items()})["loss"][0]
        for sign in (1, -1)
    ]
    slope = sum((found[f"{name}.grad"] * along).sum() for name, along in direction.items())
    scale = 1 + sum(np.abs(found[f"{name}.grad"]).sum() for name in values)
    assert abs((ends[0] - ends[1]) / (2 * step) - slope) < 1e-6 * scale
