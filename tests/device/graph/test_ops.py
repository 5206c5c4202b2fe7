"""What operations mean, against plain numpy, and what they refuse. Shapes here list the fast dimension first."""

from __future__ import annotations

from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest

from device.dtypes import DataType
from device.errors import GraphError
from device.graph import GraphBuilder, Tensor, known_guids
from device.graph.interpret import interpret
from device.graph.params import constant_of, f32_bits
from device.graph.reference import bf16_from_f32, f32_from_bf16
from device.recipe import ElementwiseOp, IndexOp, RowOp

BF16, F32, I32 = DataType.BF16, DataType.F32, DataType.I32


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Slow dimension first."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def evaluate(build: Callable[..., Tensor], *arrays: np.ndarray) -> np.ndarray:
    g = GraphBuilder("one")
    inputs = [g.input(f"x{i}", each.shape[::-1], F32) for i, each in enumerate(arrays)]
    g.output(build(g, *inputs), "y")
    return interpret(g.build(), {f"x{i}": each for i, each in enumerate(arrays)})["y"]


X, Y = numbers(4, 5), numbers(4, 5, seed=1)
ROW, COLUMN = numbers(5, seed=2), numbers(4, 1, seed=3)
ONE = np.ones(5, np.float32)
CUBE = numbers(2, 3, 4)
PLACES = np.array([3, 0, 3], np.float32)

MEANINGS: list[tuple[str, Callable[..., Tensor], tuple[np.ndarray, ...], np.ndarray]] = [
    ("add a row", lambda g, x, r: g.add(x, r), (X, ROW), X + ROW),
    ("subtract from a row", lambda g, r, x: g.sub(r, x), (ROW, X), ROW - X),
    ("subtract a column", lambda g, x, c: g.sub(x, c), (X, COLUMN), X - COLUMN),
    ("divide", lambda g, x, y: g.div(x, y), (X, Y), X / Y),
    ("maximum", lambda g, x, y: g.maximum(x, y), (X, Y), np.maximum(X, Y)),
    ("minimum", lambda g, x, y: g.minimum(x, y), (X, Y), np.minimum(X, Y)),
    ("where", lambda g, c, x, y: g.where(g.relu(c), x, y), (X, X, Y), np.where(X > 0, X, Y)),
    ("neg", lambda g, x: g.neg(x), (X,), -X),
    ("abs and sqrt", lambda g, x: g.sqrt(g.abs(x)), (X,), np.sqrt(np.abs(X))),
    ("rsqrt", lambda g, x: g.rsqrt(g.exp(x)), (X,), np.exp(-X / 2)),
    ("log", lambda g, x: g.log(g.exp(x)), (X,), X),
    ("sigmoid", lambda g, x: g.sigmoid(x), (X,), 1 / (1 + np.exp(-X))),
    ("tanh", lambda g, x: g.tanh(x), (X,), np.tanh(X)),
    ("gelu", lambda g, x: g.gelu(x), (X,), X / 2 * (1 + np.tanh(0.79788456 * (X + 0.044715 * X**3)))),
    ("sum", lambda g, x: g.reduce_sum(x), (X,), X.sum(axis=1, keepdims=True)),
    ("max", lambda g, x: g.reduce_max(x), (X,), X.max(axis=1, keepdims=True)),
    ("softmax", lambda g, x: g.softmax(x), (X,), np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)),
    (
        "layer norm",
        lambda g, x, gamma, beta: g.layer_norm(x, gamma, beta, 0.0),
        (X, ROW, ROW),
        (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True) * ROW + ROW,
    ),
    (
        "rms norm",
        lambda g, x, gamma: g.rms_norm(x, gamma, 0.5),
        (X, ROW),
        X / np.sqrt((X * X).mean(axis=1, keepdims=True) + 0.5) * ROW,
    ),
    ("transpose", lambda g, x: g.transpose(x, (1, 0)), (X,), X.T),
    ("rotate", lambda g, x: g.transpose(x, (2, 0, 1)), (numbers(2, 3, 4),), numbers(2, 3, 4).transpose(1, 2, 0)),
    ("reshape", lambda g, x: g.reshape(x, (2, 10)), (X,), X.reshape(10, 2)),
    ("broadcast a row", lambda g, r: g.broadcast(r, (5, 3)), (ROW,), np.tile(ROW, (3, 1))),
    ("broadcast a column", lambda g, c: g.broadcast(c, (3, 4)), (COLUMN,), np.tile(COLUMN, 3)),
    ("slice", lambda g, x: g.slice(x, (1, 2), (4, 4)), (X,), X[2:4, 1:4]),
    ("concat rows", lambda g, x, y: g.concat((x, y, x), 1), (X, Y), np.concatenate([X, Y, X])),
    ("concat columns", lambda g, x, y: g.concat((x, y), 0), (X, Y), np.concatenate([X, Y], axis=1)),
    ("power", lambda g, x, y: g.pow(g.abs(x), y), (X, Y), np.abs(X) ** Y),
    ("square", lambda g, x: g.pow(x, 2.0), (X,), X * X),
    ("cube", lambda g, x: g.pow(x, 3), (X,), X**3),
    ("reciprocal", lambda g, x: g.reciprocal(x), (X,), 1 / X),
    ("equal", lambda g, x: g.equal(x, g.relu(x)), (X,), X >= 0),
    ("not equal", lambda g, x: g.not_equal(x, g.relu(x)), (X,), X < 0),
    ("less", lambda g, x, y: g.less(x, y), (X, Y), X < Y),
    ("less or equal", lambda g, x: g.less_equal(x, g.relu(x)), (X,), np.ones_like(X)),
    ("greater", lambda g, x, y: g.greater(x, y), (X, Y), X > Y),
    ("greater or equal", lambda g, x: g.greater_equal(g.neg(x), 0.0), (X,), X <= 0),
    ("integers", lambda g, x: g.cast(g.cast(g.mul(x, 9.0), I32), F32), (X,), np.rint(X * 9)),
    ("fp8", lambda g, x: g.cast(g.cast(x, DataType.FP8_152), F32), (X,), X.astype(ml_dtypes.float8_e5m2)),
    ("mean", lambda g, x: g.reduce_mean(x), (X,), X.mean(axis=1, keepdims=True)),
    ("mean of columns", lambda g, x: g.reduce_mean(x, 1), (X,), X.mean(axis=0, keepdims=True)),
    ("sum in the middle", lambda g, x: g.reduce_sum(x, 1), (CUBE,), CUBE.sum(axis=1, keepdims=True)),
    ("min of columns", lambda g, x: g.reduce_min(x, 1), (X,), X.min(axis=0, keepdims=True)),
    ("log softmax", lambda g, x: g.log_softmax(x), (X,), X - np.log(np.exp(X).sum(axis=1, keepdims=True))),
    ("gather rows", lambda g, x, i: g.embedding(x, g.cast(i, I32)), (X, PLACES), X[[3, 0, 3]]),
    ("gather columns", lambda g, x, i: g.gather(x, g.cast(i, I32), 0), (X, PLACES), X[:, [3, 0, 3]]),
    (
        "scatter rows",
        lambda g, x, i: g.scatter_add(x, g.cast(i, I32), 1, 4),
        (X[:3], PLACES),
        np.stack([X[1], 0 * X[0], 0 * X[0], X[0] + X[2]]),
    ),
    ("one-hot", lambda g, i: g.one_hot(g.cast(i, I32), 4), (PLACES,), np.eye(4)[[3, 0, 3]]),
    ("split", lambda g, x: g.sub(*g.split(g.slice(x, (0, 0), (4, 4)), (2, 2), 0)), (X,), X[:, :2] - X[:, 2:4]),
    ("constant", lambda g, x: g.mul(x, g.constant(0.5, (1,), F32)), (X,), X / 2),
    ("zeros", lambda g, x: g.add(x, g.zeros((5,), F32)), (X,), X),
]


@pytest.mark.parametrize(
    ("build", "arrays", "wanted"), [each[1:] for each in MEANINGS], ids=[each[0] for each in MEANINGS]
)
def test_operation_means_what_numpy_means(
    build: Callable[..., Tensor], arrays: tuple[np.ndarray, ...], wanted: np.ndarray
) -> None:
    found = evaluate(build, *arrays)
    assert found.shape == wanted.shape
    assert np.allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("transposes", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("is_shared", [False, True])
def test_batch_gemm_multiplies_matrix_by_matrix(transposes: tuple[bool, bool], is_shared: bool) -> None:
    a, b = bf16_from_f32(numbers(2, 3, 4, 8)), bf16_from_f32(numbers(2, 3, 8, 5, seed=1))
    b = b[0, 0] if is_shared else b
    wanted = f32_from_bf16(a) @ f32_from_bf16(b)
    a = np.ascontiguousarray(a.swapaxes(-1, -2)) if transposes[0] else a
    b = np.ascontiguousarray(b.swapaxes(-1, -2)) if transposes[1] else b
    g = GraphBuilder("batch")
    product = g.batch_gemm(g.input("a", a.shape[::-1], BF16), g.input("b", b.shape[::-1], BF16), *transposes)
    g.output(product, "y")
    assert product.dims == (5, 4, 3, 2)
    assert np.allclose(interpret(g.build(), {"a": a, "b": b})["y"], wanted, rtol=1e-5, atol=1e-5)


def square(g: GraphBuilder, name: str = "x", dtype: DataType = F32, dims: tuple[int, ...] = (4, 6)) -> Tensor:
    return g.input(name, dims, dtype)


REFUSED: list[tuple[Callable[[GraphBuilder], Tensor], str]] = [
    (lambda g: g.add(square(g), square(g, "y", BF16)), r"input 1, tensor y:bf16\[4x6\], has to be f32"),
    (
        lambda g: g.add(square(g), square(g, "y", F32, (6,))),
        r"tensor y.* does not repeat along .* broadcast it otherwise",
    ),
    (
        lambda g: g.add(square(g, dims=(2, 3, 4)), square(g, "y", F32, (2, 1, 4))),
        r"only its first or its last dimensions may be 1 or missing",
    ),
    (lambda g: g.transpose(square(g), (0, 0)), r"\(0, 0\) does not permute the 2 dimensions of tensor x"),
    (lambda g: g.reshape(square(g), (5, 5)), r"\(5, 5\) has not the 24 elements of tensor x"),
    (lambda g: g.slice(square(g), (0, 0), (5, 6)), r"0:5 is no part of a dimension of 4 of tensor x"),
    (lambda g: g.slice(square(g), (0,), (4,)), r"slices 1 dimensions, tensor x.* has 2"),
    (lambda g: g.concat((square(g), square(g, "y", F32, (5, 6))), 1), r"tensor y.* differs from tensor x"),
    (lambda g: g.concat((square(g), square(g, "y", BF16)), 1), r"input 1, tensor y.* has to be f32"),
    (lambda g: g.concat((square(g),), 2), r"axis 2, tensor x.* has 2 dimensions"),
    (lambda g: g.broadcast(square(g), (8, 6)), r"tensor x.* does not broadcast to \(8, 6\)"),
    (
        lambda g: g.rms_norm(square(g), square(g, "y", F32, (6,))),
        r"gamma, tensor y.*, has to have the dimensions \(4,\)",
    ),
    (
        lambda g: g.layer_norm(square(g), square(g, "y", BF16, (4,)), square(g, "z", F32, (4,))),
        r"input 1, .* has to be f32",
    ),
    (lambda g: g.batch_gemm(square(g, dtype=BF16), square(g, "y", BF16)), r"tensor x.* needs 3 dimensions or more"),
    (
        lambda g: g.batch_gemm(square(g, dtype=BF16, dims=(4, 6, 2)), square(g, "y", BF16, (6, 4, 3))),
        r"the batch is \(2,\) in A, tensor x.* but \(3,\) in B, tensor y",
    ),
    (lambda g: g.reduce_sum(square(g), 2), r"axis 2, tensor x.* has 2 dimensions"),
    (lambda g: g.exp(square(g, dtype=I32)), r"there is no guid 'exp_fwd_i32'; near it are: exp_fwd_"),
    (lambda g: g.gather(square(g), square(g, "y"), 0), r"input 1, tensor y:f32.*, has to be i32"),
    (
        lambda g: g.scatter_add(square(g), square(g, "y", I32, (3,)), 1, 9),
        r"tensor x.* does not have the dimensions of the indices, y:i32\[3\], at 1",
    ),
    (lambda g: g.one_hot(square(g, dtype=I32), 0), r"0 places"),
    (lambda g: g.split(square(g), (3, 2), 0)[0], r"\(3, 2\) do not split dimension 0 of tensor x"),
    (lambda g: g.add(square(g, dtype=I32), 0.5), r"0.5 is no i32 constant"),
    (lambda g: g.add(1.0, 2.0), r"needs a tensor among its operands"),
    (lambda g: g.constant(1.0, (), F32), r"dimensions \(\); at least one"),
    (lambda g: g.broadcast(square(g), (4, 6, 1, 1, 1, 2)), r"more than 5"),
]


@pytest.mark.parametrize(("build", "message"), REFUSED)
def test_wrong_operands_are_refused_with_node_and_tensor(build: Callable[[GraphBuilder], Tensor], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        build(GraphBuilder("wrong"))


def test_every_guid_of_the_tpc_is_known() -> None:
    wanted = {op.guid(dtype) for op in (*ElementwiseOp, *RowOp, *IndexOp) for dtype in op.types}
    assert wanted <= set(known_guids())


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 1.00390625, 3.4e38, -1e-40, float("inf"), float("nan"), 0.1])
def test_constants_are_rounded_like_everything_else(value: float) -> None:
    wide = np.array([value], np.float32)
    assert constant_of(value, BF16) == bf16_from_f32(wide)[0]
    if value == value:
        assert f32_bits(value) == constant_of(value, F32) == wide.view(np.uint32)[0]
