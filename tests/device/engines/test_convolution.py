"""Convolutions through the engine: bit for bit their definition, which is near the sum that mathematics defines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.arrays import decoded, encoded, numpy_type
from device.cost import Work
from device.dtypes import DataType
from device.engine_class import EngineClass
from device.engines import ExecutionOptions, bind
from device.graph.reference_convolution import convolution
from device.recipe import ConvolutionOp, Extent, MmeConvolution, SyncPoint, Window

F32, BF16, FP8 = DataType.F32, DataType.BF16, DataType.FP8_143
WORK = Work(EngineClass.MME, 1, 0, 0, 0, 0)
FORWARD, DEDX, DEDW = ConvolutionOp


@st.composite
def extents(draw: st.DrawFn) -> Extent:
    kernel, stride, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    before, behind = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    reach = (kernel - 1) * dilation + 1
    x = draw(st.integers(max(reach - before - behind, 1), 7))
    return Extent(x, (x + before + behind - reach) // stride + 1, kernel, stride, dilation, before)


WINDOWS = st.builds(Window, st.integers(1, 2), st.integers(1, 5), st.integers(1, 5), extents(), extents())


def by_definition(op: ConvolutionOp, window: Window, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Every product of an element of the image, of a filter and of the result, in fp64."""
    height, width = window.height, window.width
    x_shape = (window.batch, height.x, width.x, window.channels)
    w_shape = (height.kernel, width.kernel, window.channels, window.filters)
    y_shape = (window.batch, height.y, width.y, window.filters)
    shapes = {
        FORWARD: (x_shape, w_shape, y_shape),
        DEDX: (y_shape, w_shape, x_shape),
        DEDW: (x_shape, y_shape, w_shape),
    }
    a, b = a.reshape(shapes[op][0]).astype(np.float64), b.reshape(shapes[op][1]).astype(np.float64)
    c = np.zeros(shapes[op][2])
    for oy, ox, ky, kx in np.ndindex(height.y, width.y, height.kernel, width.kernel):
        y = oy * height.stride + ky * height.dilation - height.before
        x = ox * width.stride + kx * width.dilation - width.before
        if not (0 <= y < height.x and 0 <= x < width.x):
            continue
        if op is FORWARD:
            c[:, oy, ox] += a[:, y, x] @ b[ky, kx]
        elif op is DEDX:
            c[:, y, x] += a[:, oy, ox] @ b[ky, kx].T
        else:
            c[ky, kx] += a[:, y, x].T @ b[:, oy, ox]
    return c.reshape(-1)


def counts(op: ConvolutionOp, window: Window) -> tuple[int, int, int]:
    x, w, y = window.x_count, window.w_count, window.y_count
    return {FORWARD: (x, w, y), DEDX: (y, w, x), DEDW: (x, y, w)}[op]


def run(
    op: ConvolutionOp, window: Window, types: Any, arrays: Any, output: DataType, relu: bool, threads: int = 1
) -> np.ndarray:
    c = np.zeros(counts(op, window)[2], numpy_type(output))
    memory = [np.ascontiguousarray(each).view(np.uint8) for each in (*arrays, c)]
    places = [object() for _ in memory]
    bias = places[2] if len(arrays) == 3 else None
    step: Any = MmeConvolution(
        0,
        "conv",
        (),
        SyncPoint(0, 1),
        WORK,
        op,
        places[0],
        places[1],
        bias,
        places[-1],
        window,
        relu,
        output,
        "2xh",
        *types,
    )
    bind(step, lambda operand: memory[places.index(operand)], ExecutionOptions(threads=threads)).run(Quiet())
    return memory[-1].view(numpy_type(output))


class Quiet:
    def strikes(self, name: str) -> tuple[()]:
        return ()


@pytest.mark.parametrize("op", ConvolutionOp)
@given(
    WINDOWS,
    st.sampled_from([BF16, F32, FP8]),
    st.sampled_from([BF16, F32, FP8]),
    st.sampled_from([F32, BF16]),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_engine_equals_the_definition_of_the_arithmetic(
    op: ConvolutionOp, window: Window, a_type: DataType, b_type: DataType, output: DataType, relu: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    sizes = counts(op, window)
    a, b = (encoded(random.normal(size=n), dtype) for n, dtype in zip(sizes, (a_type, b_type), strict=False))
    arrays = [a, b]
    bias = random.normal(size=window.filters).astype(np.float32) if op is FORWARD and relu else None
    if bias is not None:
        arrays.append(bias)
    found = run(op, window, (a_type, b_type), arrays, output, relu)
    wanted = convolution(op, window, (a, b), (a_type, b_type), bias, relu, output is BF16)
    assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("op", ConvolutionOp)
@given(WINDOWS, st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_result_is_the_sum_that_mathematics_defines(op: ConvolutionOp, window: Window, seed: int) -> None:
    random = np.random.default_rng(seed)
    a, b = (random.normal(size=n).astype(np.float32) for n in counts(op, window)[:2])
    found = decoded(run(op, window, (F32, F32), (a, b), F32, False), F32)
    np.testing.assert_allclose(found, by_definition(op, window, a, b), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("op", ConvolutionOp)
def test_bands_and_threads_change_no_bit(op: ConvolutionOp) -> None:
    """Large enough for several bands and for more than one thread."""
    window = Window(2, 64, 32, Extent(40, 40, 3, 1, 1, 1), Extent(44, 22, 3, 2, 1, 1))
    random = np.random.default_rng(1)
    arrays = [encoded(random.normal(size=n), BF16) for n in counts(op, window)[:2]]
    one = run(op, window, (BF16, BF16), arrays, F32, False)
    assert one.tobytes() == run(op, window, (BF16, BF16), arrays, F32, False, threads=3).tobytes()
    np.testing.assert_allclose(
        one, by_definition(op, window, *(decoded(a, BF16) for a in arrays)), rtol=1e-3, atol=1e-2
    )
