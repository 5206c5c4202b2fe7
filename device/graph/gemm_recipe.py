"""A recipe with one gemm in it, for commands that take a shape instead of a graph."""

from __future__ import annotations

from device.cost import GemmShape
from device.dtypes import DataType
from device.graph.builder import GraphBuilder
from device.graph.compiler import compile_graph
from device.recipe.recipe import Recipe
from device.spec import AsicSpec

__all__ = ["gemm_recipe"]


def gemm_recipe(shape: GemmShape, spec: AsicSpec) -> Recipe:
    """bf16 operands a and b, bf16 result c; a batch becomes a third dimension."""
    batch = () if shape.batch == 1 else (shape.batch,)
    g = GraphBuilder("gemm_" + "x".join(str(size) for size in (*batch, shape.m, shape.n, shape.k)))
    a = g.input("a", (shape.k, shape.m, *batch), DataType.BF16)
    b = g.input("b", (shape.n, shape.k, *batch), DataType.BF16)
    multiply = g.batch_gemm if batch else g.gemm
    g.output(multiply(a, b, dtype=DataType.BF16), "c")
    return compile_graph(g.build(), spec)
