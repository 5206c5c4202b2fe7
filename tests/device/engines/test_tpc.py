"""Elementwise operations and copies of the engines against device.graph.reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from device.cost import Work
from device.engine_class import EngineClass
from device.engines import ExecutionOptions, bind
from device.graph.reference import ELEMENTWISE
from device.recipe import DmaCopy, ElementwiseOp, SyncPoint, TpcElementwise

TYPES = {4: np.float32, 2: np.uint16, 1: np.uint8}


def _values(count: int, size_bytes: int, seed: int) -> Any:
    random = np.random.default_rng(seed)
    if size_bytes == 4:
        return random.normal(size=count).astype(np.float32)
    return random.integers(0, 1 << 8 * size_bytes, count).astype(TYPES[size_bytes])


def _step(op: ElementwiseOp, inputs: tuple[Any, ...], output: Any, count: int, period: int) -> TpcElementwise:
    work = Work(EngineClass.TPC, 1, 0, 0, 0, count)
    return TpcElementwise(0, "node", (), SyncPoint(0, 1), work, op, inputs, output, count, period)


@pytest.mark.parametrize("op", [op for op in ElementwiseOp if op is not ElementwiseOp.COPY])
@pytest.mark.parametrize(("count", "period"), [(96, 96), (96, 8), (50_000, 5), (40_000, 20_000)])
def test_every_operation_equals_its_definition(
    op: ElementwiseOp, count: int, period: int, place: Callable[..., Any], memory: Any, views: Any, quiet: Any
) -> None:
    if op.input_count == 1 and period != count:
        return
    counts = (count, period)[: op.input_count]
    values = [_values(each, op.input_bytes, seed) for seed, each in enumerate(counts)]
    *inputs, output = place(memory, *values, np.zeros(count, TYPES[op.output_bytes]))
    bind(_step(op, tuple(inputs), output, count, period), views, ExecutionOptions()).run(quiet)
    repeated = [np.resize(value, count) for value in values]
    assert views(output).tobytes() == ELEMENTWISE[op.value](*repeated).tobytes()


def test_an_operation_may_write_over_its_input(place: Callable[..., Any], memory: Any, views: Any, quiet: Any) -> None:
    values = _values(64, 4, 3)
    (operand,) = place(memory, values)
    bind(_step(ElementwiseOp.ADD_F32, (operand, operand), operand, 64, 64), views, ExecutionOptions()).run(quiet)
    assert views(operand).tobytes() == (values + values).tobytes()


@pytest.mark.parametrize("is_dma", [True, False])
def test_copies_move_bytes(is_dma: bool, place: Callable[..., Any], memory: Any, views: Any, quiet: Any) -> None:
    values = _values(1001, 1, 4)
    source, destination = place(memory, values, np.zeros(1001, np.uint8))
    work = Work(EngineClass.DMA, 1, 0, 0, 0, 0)
    copy = DmaCopy(0, "copy", (), SyncPoint(0, 1), work, source, destination)
    step = _step(ElementwiseOp.COPY, (source,), destination, 1001, 1001)
    bind(copy if is_dma else step, views, ExecutionOptions()).run(quiet)
    assert views(destination).tobytes() == values.tobytes()
