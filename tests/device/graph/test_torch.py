"""Operations and gradients beside PyTorch on the CPU, where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from device.dtypes import DataType
from device.graph import AdamState, AdamW, ConvolutionParams, GraphBuilder, Tensor, cross_entropy, gradients
from device.graph.interpret import interpret

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
F = torch.nn.functional

F32, I32 = DataType.F32, DataType.I32
Ours = Callable[..., Tensor]
Theirs = Callable[..., Any]


def compare(ours: Ours, theirs: Theirs, *arrays: np.ndarray, limit: float = 2e-5) -> None:
    """The result, and the gradient of each operand for a random gradient of the result."""
    g = GraphBuilder("ours")
    inputs = [g.input(f"x{place}", array.shape[::-1], F32) for place, array in enumerate(arrays)]
    y = ours(g, *inputs)
    weights = np.random.default_rng(99).normal(size=y.shape[::-1]).astype(np.float32)
    loss = g.reduce_sum(g.reshape(g.mul(y, g.input("weights", y.shape, F32)), (y.count,)))
    for place, slope in enumerate(gradients(g, loss, inputs)):
        g.output(slope, f"dx{place}")
    g.output(y if not y.is_persistent else g.copy(y), "y")
    values = {f"x{place}": array for place, array in enumerate(arrays)}
    found = interpret(g.build(), {**values, "weights": weights})

    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    wanted = theirs(*tensors)
    (wanted * torch.tensor(weights)).sum().backward()
    close(found["y"], wanted, limit)
    for place, tensor in enumerate(tensors):
        close(found[f"dx{place}"], tensor.grad, limit)


def close(found: np.ndarray, wanted: Any, limit: float) -> None:
    array = wanted.detach().numpy()
    assert found.shape == array.shape
    assert np.abs(found - array).max() <= limit * (1 + np.abs(array).max())


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("name", ["relu", "gelu", "sigmoid", "tanh", "exp", "softmax", "log_softmax"])
def test_activations(name: str) -> None:
    theirs: dict[str, Theirs] = {
        "relu": F.relu,
        "gelu": lambda x: F.gelu(x, approximate="tanh"),
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "exp": torch.exp,
        "softmax": lambda x: F.softmax(x, dim=-1),
        "log_softmax": lambda x: F.log_softmax(x, dim=-1),
    }
    compare(lambda g, x: getattr(g, name)(x), theirs[name], numbers(17, 33))


def test_layer_norm() -> None:
    compare(
        lambda g, x, a, b: g.layer_norm(x, a, b, 1e-5),
        lambda x, a, b: F.layer_norm(x, (48,), a, b, 1e-5),
        numbers(5, 7, 48),
        numbers(48, seed=1),
        numbers(48, seed=2),
    )


def test_rms_norm() -> None:
    compare(
        lambda g, x, a: g.rms_norm(x, a, 1e-6), lambda x, a: F.rms_norm(x, (48,), a, 1e-6), numbers(9, 48), numbers(48)
    )


@pytest.mark.parametrize("transposes", [(False, False), (True, False), (False, True), (True, True)])
def test_gemm(transposes: tuple[bool, bool]) -> None:
    a = numbers(13, 21) if transposes[0] else numbers(21, 13)
    b = numbers(11, 13, seed=1) if transposes[1] else numbers(13, 11, seed=1)
    compare(
        lambda g, x, y: g.gemm(x, y, None, *transposes),
        lambda x, y: (x.T if transposes[0] else x) @ (y.T if transposes[1] else y),
        a,
        b,
    )


@pytest.mark.parametrize(
    ("stride", "padding", "dilation"), [((1, 1), (0, 0), (1, 1)), ((2, 1), (1, 2), (1, 2)), ((2, 3), (2, 1), (2, 1))]
)
def test_convolution(stride: tuple[int, int], padding: tuple[int, int], dilation: tuple[int, int]) -> None:
    """Pairs are (width, height) here; images channels last, filters (height, width, channels, filters)."""
    params = ConvolutionParams((3, 2), stride, dilation, (padding[0], padding[0], padding[1], padding[1]))

    def theirs(x: Any, w: Any, bias: Any) -> Any:
        turned = [pair[::-1] for pair in (stride, padding, dilation)]
        y = F.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), bias, *turned)
        return y.permute(0, 2, 3, 1)

    compare(
        lambda g, x, w, b: g.convolution(x, w, b, stride=stride, padding=padding, dilation=dilation),
        theirs,
        numbers(2, 9, 11, 5),
        numbers(params.kernel[1], params.kernel[0], 5, 4, seed=1),
        numbers(4, seed=2),
    )


def test_embedding() -> None:
    places = np.array([[3, 0, 3], [1, 5, 2]], np.int32)

    def ours(g: GraphBuilder, table: Tensor) -> Tensor:
        indices = g.concat(tuple(g.constant(int(place), (1,), I32) for place in places.reshape(-1)), 0)
        return g.embedding(table, g.reshape(indices, (3, 2)))

    compare(ours, lambda table: F.embedding(torch.tensor(places.astype(np.int64)), table), numbers(6, 8))


def test_cross_entropy() -> None:
    logits, labels = numbers(12, 7), np.random.default_rng(0).integers(0, 7, 12)
    g = GraphBuilder("loss")
    x = g.input("x", (7, 12), F32)
    loss = cross_entropy(g, x, g.input("labels", (12,), I32))
    (slope,) = gradients(g, loss, (x,))
    g.output(loss, "loss")
    g.output(slope, "dx")
    found = interpret(g.build(), {"x": logits, "labels": labels.astype(np.int32)})
    tensor = torch.tensor(logits, requires_grad=True)
    wanted = F.cross_entropy(tensor, torch.tensor(labels))
    wanted.backward()
    assert found["loss"][0] == pytest.approx(float(wanted.detach()), rel=1e-5)
    close(found["dx"], tensor.grad, 1e-6)


def test_adamw_steps() -> None:
    adam = AdamW(decay=0.1)
    g = GraphBuilder("adam")
    w, dw, m, v = (g.input(name, (6,), F32) for name in ("w", "dw", "m", "v"))
    c1, c2 = g.input("c1", (1,), F32), g.input("c2", (1,), F32)
    following, state = adam.step(g, w, dw, AdamState(m, v), 0.05, (c1, c2))
    for name, tensor in (("w", following), ("m", state.m), ("v", state.v)):
        g.output(tensor, f"{name}.next")
    graph = g.build()
    values = {"w": numbers(6), "m": np.zeros(6, np.float32), "v": np.zeros(6, np.float32)}
    theirs = torch.tensor(values["w"].copy(), requires_grad=True)
    optimizer = torch.optim.AdamW([theirs], lr=0.05, weight_decay=0.1)
    for step in range(1, 6):
        slope = numbers(6, seed=step)
        corrections = {f"c{i}": np.array([c], np.float32) for i, c in enumerate(adam.corrections(step), start=1)}
        found = interpret(graph, {**values, "dw": slope, **corrections})
        values = {name.removesuffix(".next"): value for name, value in found.items()}
        theirs.grad = torch.tensor(slope)
        optimizer.step()
    close(values["w"], theirs, 1e-5)
