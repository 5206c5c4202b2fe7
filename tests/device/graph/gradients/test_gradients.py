"""Gradients against finite differences of the graph without rounding, and through the definitions of the engines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ideal import ideal

from device.dtypes import DataType
from device.errors import GraphError
from device.graph import (
    ConvolutionParams,
    Graph,
    GraphBuilder,
    Tensor,
    compile_graph,
    cross_entropy,
    gradients,
    mean_squared_error,
    with_gradients,
)
from device.graph.interpret import interpret
from device.graph.passes import fuse_gemm_epilogue
from device.recipe import ConvolutionOp
from device.spec import load_spec

BF16, F32, I32 = DataType.BF16, DataType.F32, DataType.I32
Build = Callable[..., Tensor]


def with_loss(build: Build, shapes: tuple[tuple[int, ...], ...]) -> Graph:
    """x0, x1, ... of these dims, and as loss the sum of the result times fixed, uneven weights."""
    g = GraphBuilder("loss")
    inputs = [g.input(f"x{place}", dims, F32) for place, dims in enumerate(shapes)]
    y = g.cast(build(g, *inputs), F32)
    weights = g.input("weights", y.shape, F32)
    g.output(g.reduce_sum(g.reshape(g.mul(y, weights), (y.count,))), "loss")
    return with_gradients(g.build(), "loss", [tensor.name for tensor in inputs])


def values_of(graph: Graph, seed: int, positive: bool) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    values = {}
    for tensor in graph.inputs:
        numbers = random.normal(size=tensor.shape[::-1])
        values[tensor.name] = np.abs(numbers) + 0.3 if positive and tensor.name != "weights" else numbers
    return values


def finite_differences(graph: Graph, values: dict[str, np.ndarray], name: str, step: float = 1e-5) -> np.ndarray:
    slope = np.zeros_like(values[name])
    for place in np.ndindex(slope.shape):
        ends = []
        for sign in (1, -1):
            moved = {**values, name: values[name].copy()}
            moved[name][place] += sign * step
            ends.append(float(ideal(graph, moved)["loss"][0]))
        slope[place] = (ends[0] - ends[1]) / (2 * step)
    return slope


def bf16(g: GraphBuilder, *tensors: Tensor) -> list[Tensor]:
    return [g.cast(tensor, BF16) for tensor in tensors]


def sized(**parts: object) -> ConvolutionParams:
    return ConvolutionParams((3, 2), (2, 1), (1, 2), (1, 0, 2, 1), **parts)  # type: ignore[arg-type]


ROW, SQUARE = (4,), (4, 3)
IMAGE, FILTERS, RESULT = (2, 5, 4, 2), (3, 2, 3, 2), (3, 2, 5, 2)
CASES: dict[str, tuple[Build, tuple[tuple[int, ...], ...], bool]] = {
    "add a row": (lambda g, x, r: g.add(x, r), (SQUARE, ROW), False),
    "add a column": (lambda g, c, x: g.add(c, x), ((1, 3), SQUARE), False),
    "sub": (lambda g, x, r: g.sub(r, x), (SQUARE, ROW), False),
    "mul": (lambda g, x, y: g.mul(x, y), (SQUARE, (1,)), False),
    "div": (lambda g, x, y: g.div(x, y), (SQUARE, SQUARE), True),
    "max": (lambda g, x, y: g.maximum(x, y), (SQUARE, ROW), False),
    "min": (lambda g, x, y: g.minimum(x, y), (SQUARE, SQUARE), False),
    "pow": (lambda g, x, y: g.pow(x, y), (SQUARE, SQUARE), True),
    "where": (lambda g, c, x, y: g.where(g.greater(c, 0.0), x, y), (SQUARE, SQUARE, SQUARE), False),
    "relu": (lambda g, x: g.relu(x), (SQUARE,), False),
    "neg": (lambda g, x: g.neg(x), (SQUARE,), False),
    "abs": (lambda g, x: g.abs(x), (SQUARE,), False),
    "sqrt": (lambda g, x: g.sqrt(x), (SQUARE,), True),
    "rsqrt": (lambda g, x: g.rsqrt(x), (SQUARE,), True),
    "reciprocal": (lambda g, x: g.reciprocal(x), (SQUARE,), True),
    "exp": (lambda g, x: g.exp(x), (SQUARE,), False),
    "log": (lambda g, x: g.log(x), (SQUARE,), True),
    "sigmoid": (lambda g, x: g.sigmoid(x), (SQUARE,), False),
    "tanh": (lambda g, x: g.tanh(x), (SQUARE,), False),
    "gelu": (lambda g, x: g.gelu(x), (SQUARE,), False),
    "sum": (lambda g, x: g.reduce_sum(x), (SQUARE,), False),
    "mean in the middle": (lambda g, x: g.reduce_mean(x, 1), ((2, 3, 4),), False),
    "max of columns": (lambda g, x: g.reduce_max(x, 1), (SQUARE,), False),
    "min of rows": (lambda g, x: g.reduce_min(x), (SQUARE,), False),
    "softmax": (lambda g, x: g.softmax(x), (SQUARE,), False),
    "log softmax": (lambda g, x: g.log_softmax(x), (SQUARE,), False),
    "layer norm": (lambda g, x, a, b: g.layer_norm(x, a, b), (SQUARE, ROW, ROW), False),
    "rms norm": (lambda g, x, a: g.rms_norm(x, a), ((4, 2, 3), ROW), False),
    "transpose": (lambda g, x: g.transpose(x, (2, 0, 1)), ((2, 3, 4),), False),
    "reshape and copy": (lambda g, x: g.copy(g.reshape(x, (6, 2))), (SQUARE,), False),
    "broadcast": (lambda g, x: g.broadcast(x, (4, 3, 5, 2)), ((4, 1, 5),), False),
    "slice": (lambda g, x: g.slice(x, (1, 0, 2), (3, 3, 4)), ((4, 3, 4),), False),
    "concat": (lambda g, x, y: g.concat((x, y, x), 1), (SQUARE, (4, 2)), False),
    "gather": (lambda g, x: g.gather(x, indices(g), 1), (SQUARE,), False),
    "scatter": (lambda g, x: g.scatter_add(x, indices(g), 1, 5), ((2, 3, 2),), False),
    "gemm": (lambda g, a, b, c: g.gemm(*bf16(g, a, b), c), ((5, 3), (4, 5), ROW), False),
    "gemm At": (lambda g, a, b: g.gemm(*bf16(g, a, b), transpose_a=True), ((3, 5), (4, 5)), False),
    "gemm Bt": (lambda g, a, b: g.gemm(a, b, transpose_b=True), ((5, 3), (5, 4)), False),
    "gemm At Bt": (lambda g, a, b: g.gemm(a, b, transpose_a=True, transpose_b=True), ((3, 5), (5, 4)), False),
    "batch": (lambda g, a, b: g.batch_gemm(a, b), ((5, 3, 2), (4, 5, 2)), False),
    "batch At": (lambda g, a, b: g.batch_gemm(a, b, transpose_a=True), ((3, 5, 2), (4, 5, 2)), False),
    "batch Bt": (lambda g, a, b: g.batch_gemm(a, b, transpose_b=True), ((5, 3, 2), (5, 4, 2)), False),
    "batch shared": (lambda g, a, b: g.batch_gemm(a, b), ((5, 3, 2), (4, 5)), False),
    "batch shared Bt": (lambda g, a, b: g.batch_gemm(a, b, transpose_b=True), ((5, 3, 2), (5, 4)), False),
    "batch shared At": (lambda g, a, b: g.batch_gemm(a, b, transpose_a=True), ((3, 5, 2), (4, 5)), False),
    "batch shared At Bt": (
        lambda g, a, b: g.batch_gemm(a, b, transpose_a=True, transpose_b=True),
        ((3, 5, 2, 2), (5, 4)),
        False,
    ),
    "convolution": (
        lambda g, x, w, b: g.convolution_node(ConvolutionOp.FORWARD, (x, w, b), sized()),
        (IMAGE, FILTERS, (3,)),
        False,
    ),
    "dedx": (
        lambda g, y, w: g.convolution_node(ConvolutionOp.DEDX, (y, w), sized(size=(5, 4))),
        (RESULT, FILTERS),
        False,
    ),
    "dedw": (lambda g, y, x: g.convolution_node(ConvolutionOp.DEDW, (y, x), sized()), (RESULT, IMAGE), False),
    "used twice": (lambda g, x: g.mul(g.exp(x), g.add(x, g.exp(x))), (SQUARE,), False),
    "through bf16 and fp8": (lambda g, x: g.cast(g.cast(g.mul(x, x), BF16), DataType.FP8_152), (SQUARE,), False),
    "unused": (lambda g, x, y: g.exp(x), (SQUARE, SQUARE), False),
    "through integers": (lambda g, x, y: g.add(y, g.cast(g.cast(x, I32), F32)), (SQUARE, SQUARE), False),
}


def indices(g: GraphBuilder) -> Tensor:
    """2, 0, 2: made of constants, as the loss has float inputs only."""
    two, zero = g.constant(2, (1,), I32), g.constant(0, (1,), I32)
    return g.concat((two, zero, two), 0)


@pytest.mark.parametrize("name", CASES)
def test_gradient_is_the_slope(name: str) -> None:
    build, shapes, positive = CASES[name]
    graph = with_loss(build, shapes)
    values = values_of(graph, 3, positive)
    found = ideal(graph, values)
    for place in range(len(shapes)):
        wanted = finite_differences(graph, values, f"x{place}")
        np.testing.assert_allclose(found[f"x{place}.grad"], wanted, rtol=2e-6, atol=2e-6, err_msg=f"x{place}")


@pytest.mark.parametrize("name", CASES)
def test_gradient_graph_compiles_and_rounds_to_the_ideal(name: str) -> None:
    """By the definitions of the engines, with bf16 and fp8 where the graph has them."""
    build, shapes, positive = CASES[name]
    graph = with_loss(build, shapes)
    compile_graph(graph, load_spec("gaudi2"))
    values = {key: value.astype(np.float32) for key, value in values_of(graph, 4, positive).items()}
    wanted, found = ideal(graph, values), interpret(graph, values)
    has_narrow = any(tensor.dtype is not F32 for tensor in graph.tensors)
    limit = 0.05 if has_narrow else 2e-5
    for place in range(len(shapes)):
        gradient, exact = found[f"x{place}.grad"], wanted[f"x{place}.grad"]
        assert np.abs(gradient - exact).max() <= limit * (1 + np.abs(exact).max()), place


@pytest.mark.parametrize("places", [(), (3,)])
def test_cross_entropy_is_the_one_of_numpy_and_so_is_its_gradient(places: tuple[int, ...]) -> None:
    labels = np.random.default_rng(0).integers(0, 6, (*places[::-1], 5)).astype(np.int32)
    logits = np.random.default_rng(1).normal(size=(*labels.shape, 6)).astype(np.float32)
    g = GraphBuilder("loss")
    x, y = g.input("logits", logits.shape[::-1], F32), g.input("labels", labels.shape[::-1], I32)
    loss = cross_entropy(g, x, y)
    (dx,) = gradients(g, loss, (x,))
    g.output(loss, "loss")
    g.output(dx, "dx")
    found = interpret(g.build(), {"logits": logits, "labels": labels})
    chances = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    hot = np.eye(6)[labels]
    assert found["loss"] == pytest.approx(-np.log((chances * hot).sum(-1)).mean(), rel=1e-5)
    np.testing.assert_allclose(found["dx"], (chances - hot) / labels.size, atol=1e-6)


def test_mean_squared_error_and_its_gradient() -> None:
    g = GraphBuilder("loss")
    y, target = g.input("y", (4, 3), F32), g.input("t", (4, 3), F32)
    loss = mean_squared_error(g, y, target)
    (dy,) = gradients(g, loss, (y,))
    g.output(loss, "loss")
    g.output(dy, "dy")
    a, b = (np.random.default_rng(seed).normal(size=(3, 4)).astype(np.float32) for seed in (0, 1))
    found = interpret(g.build(), {"y": a, "t": b})
    assert found["loss"] == pytest.approx(((a - b) ** 2).mean(), rel=1e-5)
    np.testing.assert_allclose(found["dy"], 2 * (a - b) / 12, rtol=1e-5, atol=1e-7)


def test_one_gradient_of_two_tensors_becomes_two_outputs() -> None:
    g = GraphBuilder("same")
    x, y = g.input("x", (4,), F32), g.input("y", (4,), F32)
    g.output(g.reduce_sum(g.add(x, y)), "loss")
    graph = with_gradients(g.build(), "loss", ["x", "y"])
    found = interpret(graph, {name: np.ones(4, np.float32) for name in ("x", "y")})
    assert found["x.grad"].tolist() == found["y.grad"].tolist() == [1.0] * 4


def test_what_the_passes_made_has_no_gradient() -> None:
    g = GraphBuilder("fused")
    a, b = g.input("a", (4, 3), BF16), g.input("b", (2, 4), BF16)
    g.output(g.relu(g.gemm(a, b)), "loss")
    with pytest.raises(GraphError, match="has a relu built in; take gradients before the passes run"):
        with_gradients(fuse_gemm_epilogue(g.build()), "loss", ["a"])


def test_integers_are_no_loss() -> None:
    g = GraphBuilder("whole")
    x = g.input("x", (4,), I32)
    g.output(g.neg(x), "loss")
    with pytest.raises(GraphError, match=r"loss, tensor loss:i32\[4\], has to be f32 or bf16"):
        with_gradients(g.build(), "loss", ["x"])
