"""Graphs of random operations on small tensors, and values for them."""

import random
from collections.abc import Mapping

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from device.arrays import Array
from device.dtypes import DataType
from device.graph import ConvolutionParams, Graph, GraphBuilder, Tensor
from device.recipe import ConvolutionOp, ElementwiseOp
from device.spec import load_spec

BF16, F32, I32 = DataType.BF16, DataType.F32, DataType.I32
SPECS = st.sampled_from([load_spec("gaudi2"), load_spec("gaudi3")])
SEEDS = st.integers(0, 2**32 - 1)
SLOW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def random_graph(rng: random.Random) -> Graph:
    """Some steps on tensors picked at random; at least one result is an output, others stay dead."""
    g = GraphBuilder("random")
    side = rng.choice([1, 3, 16, 33])
    pool = [g.input("x", (side, side), BF16), g.input("y", (side, side), F32)]
    bias = g.input("bias", (side,), F32)
    results: list[Tensor] = []
    for _ in range(rng.randint(1, 10)):
        result = random_step(g, pool, bias, rng)
        pool.append(result)
        results.append(result)
    for result in results:
        if result is results[-1] or rng.random() < 0.2:
            g.output(result, f"out{result.name}")
    return g.build()


UNARY = [op for op in ElementwiseOp if op.input_count == 1 and op.cast_target is None]
BINARY = [op for op in ElementwiseOp if op.input_count == 2]
KINDS = [
    *("gemm", "batch", "unary", "unary", "binary", "binary", "cast", "copy", "bias", "layer", "where", "rows", "norm"),
    *("transpose", "reshape", "halves", "join", "column", "constant", "zeros", "broadcast", "again", "undo"),
    *("whole", "fp8", "index", "convolution"),
]


def random_step(g: GraphBuilder, pool: list[Tensor], bias: Tensor, rng: random.Random) -> Tensor:
    """Every result is side x side, so that anything may follow anything."""
    a = rng.choice(pool[-3:])
    same = [tensor for tensor in pool if tensor.dtype is a.dtype]
    kind = rng.choice(KINDS)
    if kind == "convolution":
        return random_convolution(g, a, rng.choice(same), rng)
    if kind in ("gemm", "layer", "batch"):
        return random_product(g, pool, bias, kind, rng)
    if kind == "bias":
        return g.add(g.cast(a, F32), bias)
    if kind == "binary":
        return g.elementwise(rng.choice(BINARY), a, rng.choice(same))
    if kind == "unary":
        return g.elementwise(rng.choice(UNARY), a)
    if kind == "where":
        return g.where(a, rng.choice(same), rng.choice(same))
    if kind == "again":
        return g.add(g.exp(a), g.exp(a))
    if kind == "whole":
        whole = g.cast(a, I32)
        return g.cast(g.where(g.less(whole, g.constant(3, (1,), I32)), g.neg(whole), whole), a.dtype)
    if kind == "fp8":
        narrow = g.cast(a, DataType.FP8_152)
        return g.cast(g.transpose(narrow, (1, 0)), a.dtype)
    if kind == "index":
        return random_index(g, a, rng)
    if kind in ("rows", "norm"):
        return random_rows(g, a, bias, rng)
    return random_move(g, a, rng.choice(same), kind, rng)


def random_index(g: GraphBuilder, a: Tensor, rng: random.Random) -> Tensor:
    """Indices that are computed, and within range whatever a is."""
    side, axis = a.shape[0], rng.randrange(2)
    row = g.reshape(g.slice(a, (0, 0), (side, 1)), (side,))
    whole = g.cast(g.minimum(g.maximum(row, 0.0), float(side - 1)), I32)
    indices = g.minimum(g.maximum(whole, 0), side - 1)
    if rng.random() < 0.3:
        return g.one_hot(indices, side, a.dtype)
    return g.gather(a, indices, axis) if rng.random() < 0.5 else g.scatter_add(a, indices, axis, side)


def random_convolution(g: GraphBuilder, a: Tensor, b: Tensor, rng: random.Random) -> Tensor:
    """One channel and one filter as large as the image, so that the result of all three operations is that large."""
    side = min(a.shape[0], 9)
    before = (side - 1) // 2
    padding = (before, side - 1 - before) * 2
    images = [g.reshape(g.slice(each, (0, 0), (side, side)), (1, side, side, 1)) for each in (a, b)]
    filters = g.reshape(images[1], (1, 1, side, side))
    op = rng.choice(list(ConvolutionOp))
    params = ConvolutionParams((side, side), padding=padding, size=(side, side) if op is ConvolutionOp.DEDX else None)
    inputs = (images[0], images[1] if op is ConvolutionOp.DEDW else filters)
    result = g.convolution_node(op, inputs, params, rng.choice([BF16, F32]))
    small = g.reshape(g.relu(result) if rng.random() < 0.5 else result, (side, side))
    if side == a.shape[0]:
        return small
    whole = g.cast(a, small.dtype)
    beside = g.slice(whole, (side, 0), (a.shape[0], side))
    return g.concat((g.concat((small, beside), 0), g.slice(whole, (0, side), whole.shape)), 1)


def random_product(g: GraphBuilder, pool: list[Tensor], bias: Tensor, kind: str, rng: random.Random) -> Tensor:
    narrow = [tensor for tensor in pool if tensor.dtype is BF16]
    a, b = rng.choice(narrow), rng.choice(narrow)
    transposes = rng.random() < 0.5, rng.random() < 0.5
    if rng.random() < 0.4:
        types = [BF16, F32, DataType.FP8_152]
        a, b = g.cast(a, rng.choice(types)), g.cast(b, rng.choice(types))
    dtype = rng.choice([BF16, F32])
    side = a.shape[0]
    if kind == "batch":
        batch = g.batch_gemm(g.reshape(a, (side, side, 1)), b, *transposes, dtype=dtype)
        return g.reshape(g.relu(batch) if rng.random() < 0.5 else batch, (side, side))
    if rng.random() < 0.3:
        b = g.transpose(b, (1, 0))
    product = g.gemm(a, b, None, *transposes, dtype=dtype)
    return product if kind == "gemm" or product.dtype is BF16 else g.cast(g.relu(g.add(product, bias)), BF16)


def random_rows(g: GraphBuilder, a: Tensor, bias: Tensor, rng: random.Random) -> Tensor:
    kind = rng.choice(["softmax", "log", "layer", "rms", "sum", "max", "min", "mean"])
    if kind in ("softmax", "log"):
        return g.softmax(a) if kind == "softmax" else g.log_softmax(a)
    if kind == "layer":
        return g.layer_norm(a, bias, bias)
    if kind == "rms":
        return g.rms_norm(a, bias)
    reduce = {"sum": g.reduce_sum, "max": g.reduce_max, "min": g.reduce_min, "mean": g.reduce_mean}[kind]
    return g.sub(a, reduce(a, rng.randrange(2)))


def random_move(g: GraphBuilder, a: Tensor, b: Tensor, kind: str, rng: random.Random) -> Tensor:
    side = a.shape[0]
    if kind == "cast":
        return g.cast(a, F32 if a.dtype is BF16 else BF16)
    if kind == "transpose":
        return g.transpose(a, (1, 0))
    if kind == "reshape":
        return g.reshape(g.relu(g.reshape(a, (side * side,))), (side, side))
    if kind == "constant":
        return g.mul(
            g.constant(rng.choice([0.5, -3.0]), (side, side), a.dtype), g.add(a, g.constant(1.0, (1,), a.dtype))
        )
    if kind == "undo":
        return random_detour(g, a)
    if kind == "zeros":
        return g.maximum(g.zeros((side, side), a.dtype), a)
    if kind == "broadcast":
        return g.broadcast(g.slice(a, (0, side - 1), (side, side)), (side, side))
    if kind in ("halves", "join", "column") and side > 1:
        axis = 0 if kind == "column" else 1
        joined = g.concat((a, a if kind == "halves" else b), axis)
        start = rng.randrange(side + 1)
        window = ((start, 0), (start + side, side)) if axis == 0 else ((0, start), (side, start + side))
        return g.slice(joined, *window)
    return g.copy(a)


def random_values(graph: Graph, rng: np.random.Generator) -> dict[str, Array]:
    """Signs, moderate exponents, some zeros of both signs, now and then Inf and NaN; no denormals."""
    values: dict[str, Array] = {}
    for tensor in graph.inputs:
        shape = tuple(reversed(tensor.shape))
        numbers = (rng.integers(-8, 9, shape) * 2.0 ** rng.integers(-3, 3, shape)).astype(np.float32)
        numbers[rng.random(shape) < 0.1] = -0.0
        if rng.random() < 0.2:
            numbers[rng.random(shape) < 0.02] = rng.choice(np.array([np.inf, -np.inf, np.nan], np.float32))
        bits = numbers.view(np.uint32)
        values[tensor.name] = (bits >> 16).astype(np.uint16) if tensor.dtype is BF16 else numbers
    return values


def same_bits(a: Mapping[str, Array], b: Mapping[str, Array]) -> bool:
    return a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)


def random_detour(g: GraphBuilder, a: Tensor) -> Tensor:
    """What comes out of it is what went in, but for bf16 denormals and NaNs."""
    side = a.shape[0]
    there = g.transpose(g.reshape(a, (side, 1, side)), (1, 2, 0))
    back = g.reshape(g.transpose(g.reshape(there, (1, side, side)), (2, 1, 0)), (side, side))
    wide = g.add(g.broadcast(g.slice(back, (0, 0), (side, 1)), (side, side)), back)
    return g.cast(g.cast(wide, F32), BF16) if a.dtype is BF16 else wide
