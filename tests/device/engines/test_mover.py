"""Copies with any steps, and fills, on either engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from device.cost import Work
from device.dtypes import DataType
from device.engine_class import EngineClass
from device.engines import ExecutionOptions, bind
from device.recipe import Constant, Copy, Fill, SyncPoint


@pytest.mark.parametrize("engine", [EngineClass.DMA, EngineClass.TPC])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32, np.dtype("V3")])
def test_a_transpose_is_a_copy_with_other_steps(
    engine: EngineClass, kind: Any, place: Any, memory: Any, views: Any, quiet: Any
) -> None:
    width = np.dtype(kind).itemsize
    values = np.arange(5 * 7 * width, dtype=np.uint8).reshape(5, 7, width)
    source, destination = place(memory, values, np.zeros_like(values))
    work = Work(engine, 1, 0, 0, 0, 0)
    copy = Copy(0, "copy", (), SyncPoint(0, 1), work, source, destination, width, (5, 7), (7, 1), (1, 5))
    assert copy.engine is engine
    bind(copy, views, ExecutionOptions()).run(quiet)
    assert views(destination).tobytes() == values.transpose(1, 0, 2).tobytes()


def test_a_step_of_zero_repeats(place: Any, memory: Any, views: Any, quiet: Any) -> None:
    row = np.arange(3, dtype=np.float32)
    source, destination = place(memory, row, np.zeros((4, 3), np.float32))
    work = Work(EngineClass.DMA, 1, 0, 0, 0, 0)
    copy = Copy(0, "copy", (), SyncPoint(0, 1), work, source, destination, 4, (3, 4), (1, 0), (1, 3))
    bind(copy, views, ExecutionOptions()).run(quiet)
    assert views(destination).tobytes() == np.tile(row, 4).tobytes()


@pytest.mark.parametrize(("dtype", "bits"), [(DataType.F32, 0x3F800000), (DataType.BF16, 0x7FC0)])
def test_a_fill_writes_the_same_element_everywhere(
    dtype: DataType, bits: int, place: Any, memory: Any, views: Any, quiet: Any
) -> None:
    (output,) = place(memory, np.zeros(100 * dtype.size_bytes, np.uint8))
    fill = Fill(
        0, "fill", (), SyncPoint(0, 1), Work(EngineClass.DMA, 1, 0, 0, 0, 0), Constant(bits, dtype), output, 100
    )
    bind(fill, views, ExecutionOptions()).run(quiet)
    assert set(views(output).view(f"u{dtype.size_bytes}").tolist()) == {bits}


@pytest.mark.parametrize("sizes", [(7, 5), (35,), (1, 35), (7, 1, 5)])
def test_a_linear_copy_keeps_the_order_and_stays_within_its_size(
    sizes: tuple[int, ...], place: Any, memory: Any, views: Any, quiet: Any
) -> None:
    values = np.arange(35, dtype=np.uint16)
    source, destination = place(memory, values, np.zeros(40, np.uint16))
    steps = tuple(int(np.prod(sizes[:axis], dtype=int)) for axis in range(len(sizes)))
    work = Work(EngineClass.DMA, 1, 0, 0, 0, 0)
    copy = Copy(0, "copy", (), SyncPoint(0, 1), work, source, destination, 2, sizes, steps, steps)
    bind(copy, views, ExecutionOptions(threads=2)).run(quiet)
    assert views(destination).view(np.uint16).tolist() == [*range(35), 0, 0, 0, 0, 0]
