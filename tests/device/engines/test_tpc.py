"""Elementwise programs and operations along rows against device.graph.reference."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from device.arrays import encoded, numpy_type
from device.cost import Work
from device.dtypes import DataType
from device.engine_class import EngineClass
from device.engines import ExecutionOptions, bind
from device.errors import LaunchError
from device.graph.reference import ELEMENTWISE
from device.graph.reference_rows import run_columns, run_rows
from device.indexing import run_indexed
from device.recipe import (
    Access,
    Constant,
    ElementwiseOp,
    IndexOp,
    Instruction,
    RowOp,
    SyncPoint,
    TpcColumns,
    TpcElementwise,
    TpcIndexed,
    TpcRows,
)

F32, BF16, I32 = DataType.F32, DataType.BF16, DataType.I32
FLOATS = (F32, BF16)
WORK = Work(EngineClass.TPC, 1, 0, 0, 0, 0)
SPECIAL = [0.0, -0.0, 1.0, -1.0, 88.8, -104.5, 0.625, 1e-40, -1e-40, 3.4e38, -3.4e38, np.inf, -np.inf, np.nan]
ALL_OPS = [(op, dtype) for op in ElementwiseOp for dtype in op.types]


def _values(count: int, dtype: DataType, seed: int) -> Any:
    """Moderate numbers of both signs, then anything, then the special ones in an order of the seed."""
    random = np.random.default_rng(seed)
    numbers = (random.normal(size=count) * 8).astype(np.float32)
    numbers[: count // 4] = random.integers(0, 1 << 32, count // 4).astype(np.uint32).view(np.float32)
    numbers[-len(SPECIAL) :] = random.permutation(np.array(SPECIAL, np.float32))[:count]
    if dtype is I32:
        return numbers.view(np.int32)
    if dtype.is_fp8:
        return random.integers(0, 256, count).astype(np.uint8)
    return numbers if dtype is F32 else (numbers.view(np.uint32) >> 16).astype(np.uint16)


def _zeros(count: int, dtype: DataType) -> Any:
    return np.zeros(count, numpy_type(dtype))


def _run(step: Any, views: Any, quiet: Any) -> bytes:
    bind(step, views, ExecutionOptions()).run(quiet)
    return bytes(views(step.output).tobytes())


def _one(op: ElementwiseOp, dtype: DataType, inputs: Any, output: Any, accesses: Any, count: int) -> TpcElementwise:
    program = (Instruction(op, dtype, tuple(range(op.input_count))),)
    types = (dtype,) * op.input_count
    return TpcElementwise(0, "n", (), SyncPoint(0, 1), WORK, inputs, types, tuple(accesses), (), program, output, count)


@pytest.mark.parametrize(("op", "dtype"), ALL_OPS)
@pytest.mark.parametrize("count", [1, 97, 40_000])
def test_every_operation_equals_its_definition(
    op: ElementwiseOp, dtype: DataType, count: int, place: Callable[..., Any], memory: Any, views: Any, quiet: Any
) -> None:
    values = [_values(count, dtype, seed) for seed in range(op.input_count)]
    *inputs, output = place(memory, *values, _zeros(count, op.output_type(dtype)))
    step = _one(op, dtype, tuple(inputs), output, [Access(1, count)] * op.input_count, count)
    assert _run(step, views, quiet) == ELEMENTWISE[op.guid(dtype)](*values).tobytes()


@pytest.mark.parametrize("dtype", [F32, BF16, I32])
@pytest.mark.parametrize(
    ("count", "repeat", "period"),
    [
        (96, 1, 8),
        (50_000, 1, 5),
        (40_000, 1, 20_000),
        (96, 12, 8),
        (60_000, 3, 20_000),
        (34_000, 17_000, 1),
        (96, 4, 3),
    ],
)
def test_inputs_repeat_as_their_access_says(
    dtype: DataType, count: int, repeat: int, period: int, place: Any, memory: Any, views: Any, quiet: Any
) -> None:
    first, second = _values(count, dtype, 1), _values(period, dtype, 2)
    a, b, output = place(memory, first, second, _zeros(count, dtype))
    step = _one(ElementwiseOp.SUB, dtype, (a, b), output, (Access(1, count), Access(repeat, period)), count)
    repeated = second[np.arange(count) // repeat % period]
    assert _run(step, views, quiet) == ELEMENTWISE[f"sub_fwd_{dtype}"](first, repeated).tobytes()


def test_program_equals_its_instructions_one_by_one(place: Any, memory: Any, views: Any, quiet: Any) -> None:
    """bf16 x and a constant, product widened, exponential taken, rounded again: registers of both types."""
    x = _values(33_000, BF16, 5)
    source, output = place(memory, x, _zeros(x.size, BF16))
    program = (
        Instruction(ElementwiseOp.MUL, BF16, (0, 1)),
        Instruction(ElementwiseOp.CAST_TO_F32, BF16, (2,)),
        Instruction(ElementwiseOp.EXP, F32, (3,)),
        Instruction(ElementwiseOp.CAST_TO_BF16, F32, (4,)),
        Instruction(ElementwiseOp.ADD, BF16, (5, 0)),
    )
    access, constant = (Access(1, x.size),), (Constant(0x3F00, BF16),)
    step = TpcElementwise(
        0, "n", (), SyncPoint(0, 1), WORK, (source,), (BF16,), access, constant, program, output, x.size
    )
    half = np.full_like(x, 0x3F00)
    wide = ELEMENTWISE["cast_bf16_to_f32"](ELEMENTWISE["mult_fwd_bf16"](x, half))
    narrow = ELEMENTWISE["cast_f32_to_bf16"](ELEMENTWISE["exp_fwd_f32"](wide))
    assert _run(step, views, quiet) == ELEMENTWISE["add_fwd_bf16"](narrow, x).tobytes()


def test_an_operation_may_write_over_its_input(place: Any, memory: Any, views: Any, quiet: Any) -> None:
    values = _values(64, F32, 3)
    (operand,) = place(memory, values)
    step = _one(ElementwiseOp.ADD, F32, (operand, operand), operand, [Access(1, 64)] * 2, 64)
    assert _run(step, views, quiet) == ELEMENTWISE["add_fwd_f32"](values, values).tobytes()


@pytest.mark.parametrize("op", RowOp)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("columns", [1, 63, 64, 65, 1000])
def test_every_row_operation_equals_its_definition(
    op: RowOp, dtype: DataType, columns: int, place: Any, memory: Any, views: Any, quiet: Any
) -> None:
    rows, epsilon = 7, int(np.float32(1e-5).view(np.uint32))
    x = _values(rows * columns, dtype, columns)
    parameters = [_values(columns, F32, seed) for seed in range(op.input_count - 1)]
    *inputs, output = place(memory, x, *parameters, _zeros(rows if op.is_reduction else rows * columns, dtype))
    step = TpcRows(0, "n", (), SyncPoint(0, 1), WORK, op, dtype, tuple(inputs), output, rows, columns, epsilon)
    wanted = run_rows(op, dtype, [x.reshape(rows, columns), *parameters], epsilon)
    assert _run(step, views, quiet) == wanted.tobytes()


@pytest.mark.parametrize("op", [op for op in RowOp if op.is_reduction])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("extents", [(1, 1, 2), (3, 65, 1), (2, 200, 127), (1, 5, 300)])
def test_every_reduction_along_the_middle_equals_its_definition(
    op: RowOp, dtype: DataType, extents: Any, place: Any, memory: Any, views: Any, quiet: Any
) -> None:
    outer, count, inner = extents
    x = _values(outer * count * inner, dtype, count)
    source, output = place(memory, x, _zeros(outer * inner, dtype))
    step = TpcColumns(0, "n", (), SyncPoint(0, 1), WORK, op, dtype, source, output, outer, count, inner)
    assert _run(step, views, quiet) == run_columns(op, dtype, x.reshape(extents), 1).tobytes()


INDEX_CASES = [(op, dtype) for op in IndexOp for dtype in op.types]


@pytest.mark.parametrize(("op", "dtype"), INDEX_CASES)
def test_indices_say_what_is_read_or_written(
    op: IndexOp, dtype: DataType, place: Any, memory: Any, views: Any, quiet: Any
) -> None:
    outer, size, count, inner = (1, 6, 9, 1) if op is IndexOp.ONE_HOT else (2, 6, 9, 5)
    indices = np.random.default_rng(0).integers(0, size, count).astype(np.int32)
    data = _values(outer * (size if op is IndexOp.GATHER else count) * inner, dtype, 1)
    written = count * size if op is IndexOp.ONE_HOT else outer * inner * (count if op is IndexOp.GATHER else size)
    places = place(memory, indices, data, _zeros(written, dtype))
    given = None if op is IndexOp.ONE_HOT else places[1]
    step = TpcIndexed(
        0, "n", (), SyncPoint(0, 1), WORK, op, dtype, given, places[0], places[2], outer, size, count, inner
    )
    wanted = run_indexed(op, dtype, None if given is None else data, indices, (outer, size, count, inner))
    assert _run(step, views, quiet) == wanted.tobytes()


@pytest.mark.parametrize("wrong", [-1, 6])
def test_an_index_out_of_range_names_the_node(wrong: int, place: Any, memory: Any, views: Any, quiet: Any) -> None:
    table, indices, output = place(memory, _values(6, F32, 0), np.array([0, wrong], np.int32), _zeros(2, F32))
    step = TpcIndexed(0, "rows", (), SyncPoint(0, 1), WORK, IndexOp.GATHER, F32, table, indices, output, 1, 6, 2, 1)
    with pytest.raises(LaunchError, match=rf"node rows: index {wrong} at place 1 is outside 0 .. 5"):
        _run(step, views, quiet)


def test_a_scatter_adds_in_fp32_in_the_order_of_the_indices() -> None:
    """bf16: 256 + 1 + 1 would stay 256 if each sum were rounded."""
    data = encoded(np.array([256, 1, 1, 5], np.float32), BF16)
    sums = run_indexed(IndexOp.SCATTER_ADD, BF16, data, np.array([1, 1, 1, 0], np.int32), (1, 3, 4, 1))
    assert sums.tolist() == encoded(np.array([5, 258, 0], np.float32), BF16).tolist()


def test_order_of_a_sum_is_the_defined_one_and_another_order_differs() -> None:
    x = (np.random.default_rng(0).normal(size=(4, 1000)) * 1e4).astype(np.float32)
    defined = run_rows(RowOp.SUM, F32, [x], 0)
    straight = np.cumsum(x, axis=-1, dtype=np.float32)[:, -1:]
    assert (defined != straight).any()
    assert np.allclose(defined, x.sum(axis=-1, keepdims=True, dtype=np.float64), rtol=1e-4)


# Beyond it the definition says nothing new: results overflow or vanish.
ACCURATE = {
    "exp_fwd": (math.exp, (-87.0, 88.0), 2.0),
    "log_fwd": (math.log, (1e-37, 3e38), 2.0),
    "tanh_fwd": (math.tanh, (-12.0, 12.0), 2.0),
    "sigmoid_fwd": (lambda x: 1.0 / (1.0 + math.exp(-x)), (-80.0, 80.0), 4.0),
}


@pytest.mark.parametrize("name", ACCURATE)
def test_definitions_are_close_to_the_true_functions(name: str) -> None:
    """In units in the last place; a wrong coefficient would miss by thousands."""
    true, (low, high), limit = ACCURATE[name]
    x = np.linspace(low, high, 20_001).astype(np.float32)
    if name == "log_fwd":
        x = np.geomspace(low, high, 20_001).astype(np.float32)
    found = ELEMENTWISE[f"{name}_f32"](x).astype(np.float64)
    wanted = np.array([true(float(value)) for value in x])
    unit = np.spacing(np.abs(wanted).astype(np.float32)).astype(np.float64)
    assert np.max(np.abs(found - wanted) / unit) <= limit


def test_limits_of_the_functions() -> None:
    ends = np.array([-np.inf, np.inf, np.nan, 0.0], np.float32)
    wanted = {
        "exp_fwd": [0.0, np.inf, np.nan, 1.0],
        "log_fwd": [np.nan, np.inf, np.nan, -np.inf],
        "tanh_fwd": [-1.0, 1.0, np.nan, 0.0],
        "sigmoid_fwd": [0.0, 1.0, np.nan, 0.5],
        "gelu_fwd": [-0.0, np.inf, np.nan, 0.0],
        "rsqrt_fwd": [np.nan, 0.0, np.nan, np.inf],
    }
    for name, values in wanted.items():
        assert np.array_equal(ELEMENTWISE[f"{name}_f32"](ends), np.array(values, np.float32), equal_nan=True), name
