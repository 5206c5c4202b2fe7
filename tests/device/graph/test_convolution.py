"""Convolutions in a graph: dimensions, refusals, cost, bias and relu in the output stage, the engine's result."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from device.arrays import decoded, encoded
from device.dtypes import DataType
from device.engine_class import EngineClass
from device.errors import GraphError
from device.graph import ConvolutionParams, GraphBuilder, Tensor, compile_graph
from device.graph.interpret import interpret
from device.recipe import ConvolutionOp, MmeConvolution, dump
from device.spec import load_spec

BF16, F32 = DataType.BF16, DataType.F32
GAUDI2 = load_spec("gaudi2")


def image(g: GraphBuilder, *dims: int, name: str = "x", dtype: DataType = BF16) -> Tensor:
    return g.input(name, dims, dtype)


def test_dimensions_are_those_of_the_window() -> None:
    g = GraphBuilder("dims")
    x, w = image(g, 3, 224, 112, 2), image(g, 64, 3, 7, 5, name="w")
    assert g.convolution(x, w, stride=(2, 1), padding=(3, 2)).dims == (64, 112, 112, 2)
    assert g.convolution(x, w, dilation=2).dims == (64, 212, 104, 2)


REFUSED: list[tuple[Callable[[GraphBuilder], Tensor], str]] = [
    (lambda g: g.convolution(image(g, 3, 8, 8), image(g, 4, 3, 3, 3, name="w")), r"tensor x.* has 3 dimensions"),
    (
        lambda g: g.convolution(image(g, 3, 8, 8, 1), image(g, 4, 5, 3, 3, name="w")),
        r"tensor w.* has to have the dimensions \(4, 3, 3, 3\)",
    ),
    (
        lambda g: g.convolution(image(g, 3, 8, 8, 1), image(g, 4, 3, 9, 3, name="w")),
        r"a kernel of 9 with dilation 1 does not fit into the width 8",
    ),
    (lambda g: g.convolution(image(g, 3, 8, 8, 1), image(g, 4, 3, 3, 3, name="w"), stride=0), r"have to be 1 or more"),
    (
        lambda g: g.convolution(image(g, 3, 8, 8, 1), image(g, 4, 3, 3, 3, name="w"), image(g, 3, name="b", dtype=F32)),
        r"bias, tensor b.*, has to have the dimensions \(4,\)",
    ),
    (
        lambda g: g.convolution_node(
            ConvolutionOp.DEDX, (image(g, 4, 6, 6, 1), image(g, 4, 3, 3, 3, name="w")), ConvolutionParams((3, 3))
        ),
        r"needs the size of the image",
    ),
    (
        lambda g: g.convolution_node(
            ConvolutionOp.DEDX,
            (image(g, 4, 5, 6, 1), image(g, 4, 3, 3, 3, name="w")),
            ConvolutionParams((3, 3), size=(8, 8)),
        ),
        r"tensor x.* has to have the dimensions \(4, 6, 6, 1\)",
    ),
]


@pytest.mark.parametrize(("build", "message"), REFUSED)
def test_tensors_that_do_not_fit_are_refused(build: Callable[[GraphBuilder], Tensor], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        build(GraphBuilder("wrong"))


def layer(dtype: DataType = BF16) -> GraphBuilder:
    g = GraphBuilder("layer")
    x, w, b = image(g, 8, 10, 9, 2, dtype=dtype), image(g, 16, 8, 3, 3, name="w", dtype=dtype), g.input("b", (16,), F32)
    g.output(g.cast(g.relu(g.add(g.convolution(x, w, padding=1), b)), BF16), "y")
    return g


@pytest.mark.parametrize("dtype", [BF16, F32, DataType.FP8_143])
def test_bias_relu_and_cast_become_one_descriptor_that_computes_the_same(dtype: DataType) -> None:
    graph = layer(dtype).build()
    (step,) = compile_graph(graph, GAUDI2).in_order
    assert isinstance(step, MmeConvolution)
    assert (step.bias is not None, step.relu, step.output) == (True, True, BF16)
    random = np.random.default_rng(0)
    values = {t.name: encoded(random.normal(size=t.shape[::-1]), t.dtype) for t in graph.inputs}
    y = decoded(interpret(graph, values)["y"], BF16)
    x, w = (decoded(values[name], dtype).astype(np.float64) for name in ("x", "w"))
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows = [padded[:, ky : ky + 9, kx : kx + 10] @ w[ky, kx] for ky in range(3) for kx in range(3)]
    wanted = np.maximum(sum(rows) + values["b"], 0)
    assert np.abs(y - wanted).max() < 0.01 * np.abs(wanted).max()


def test_cost_is_that_of_the_multiplication_and_bytes_are_read_once() -> None:
    recipe = compile_graph(layer().build(), GAUDI2)
    work = recipe.in_order[0].work
    assert work.engine is EngineClass.MME
    assert work.flops == 2 * (2 * 9 * 10) * 16 * (9 * 8)
    assert work.hbm_read_bytes == 2 * (2 * 9 * 10 * 8 + 9 * 8 * 16) + 4 * 16
    assert work.hbm_write_bytes == 2 * 2 * 9 * 10 * 16
    assert "spatial_convolution 16 of 3x3 on 2x9x10x8" in dump(recipe)


def test_fp8_takes_half_the_cycles_and_fp32_four_times_as_many_on_gaudi2() -> None:
    def cycles(dtype: DataType) -> int:
        g = GraphBuilder("n")
        product = g.gemm(g.input("a", (4096, 4096), dtype), g.input("b", (4096, 4096), dtype))
        g.output(product, "c")
        return compile_graph(g.build(), GAUDI2).in_order[0].work.cycles

    assert [cycles(dtype) for dtype in (BF16, DataType.FP8_143, F32)] == [524288, 262144, 2097152]


def test_the_fp8_of_another_asic_is_refused_with_the_name_of_the_right_one() -> None:
    with pytest.raises(GraphError, match=r"tensor x:hf8.*gaudi3 has the largest number 448.*DataType.FP8_143_448"):
        compile_graph(layer(DataType.FP8_143).build(), load_spec("gaudi3"))


def test_the_fp8_of_an_asic_has_its_range() -> None:
    assert GAUDI2.fp8_143 is DataType.FP8_143
    assert load_spec("gaudi3").fp8_143 is DataType.FP8_143_448
