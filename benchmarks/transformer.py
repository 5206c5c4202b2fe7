"""A transformer layer as a graph: attention with its heads, residuals, norms and a gelu MLP."""

from __future__ import annotations

from device.dtypes import DataType
from device.graph import Graph, GraphBuilder, Tensor

__all__ = ["transformer_layer"]

BF16, F32 = DataType.BF16, DataType.F32


def transformer_layer(batch: int, length: int, heads: int, width: int) -> Graph:
    """`width` is that of one head. BERT base: 12 heads of 64; a 7B model: 32 heads of 128."""
    model = heads * width
    g = GraphBuilder(f"layer_{batch}x{length}x{model}")
    x = g.input("x", (model, batch * length), BF16)
    query, key, value = (_projection(g, x, f"w{name}", model, batch, length, heads) for name in "qkv")
    scores = g.mul(g.batch_gemm(query, key, False, True), g.constant(width**-0.5, (1,), F32))
    mixed = g.batch_gemm(g.cast(g.softmax(scores), BF16), value, dtype=BF16)
    merged = g.reshape(g.transpose(mixed, (0, 2, 1, 3)), (model, batch * length))
    attended = _norm(g, g.add(_dense(g, merged, "wo", model), x), "attention")
    hidden = g.gelu(_dense(g, attended, "w1", 4 * model))
    g.output(_norm(g, g.add(_dense(g, hidden, "w2", model), attended), "mlp"), "y")
    return g.build()


def _projection(g: GraphBuilder, x: Tensor, name: str, model: int, batch: int, length: int, heads: int) -> Tensor:
    split = g.reshape(_dense(g, x, name, model), (model // heads, heads, length, batch))
    return g.transpose(split, (0, 2, 1, 3))


def _dense(g: GraphBuilder, x: Tensor, name: str, size: int) -> Tensor:
    weight, bias = g.input(name, (size, x.shape[0]), BF16), g.input(f"b{name}", (size,), F32)
    return g.cast(g.add(g.gemm(x, weight), bias), BF16)


def _norm(g: GraphBuilder, x: Tensor, name: str) -> Tensor:
    gamma, beta = (g.input(f"{name}_{part}", (x.shape[0],), F32) for part in ("gamma", "beta"))
    return g.layer_norm(x, gamma, beta)
