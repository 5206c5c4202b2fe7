"""Convolutions, reductions and indices that no engine could carry out are refused, each with its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from device.cost import Work
from device.dtypes import DataType
from device.engine_class import EngineClass
from device.errors import RecipeError
from device.recipe import (
    ConvolutionOp,
    Descriptor,
    Extent,
    IndexOp,
    MmeConvolution,
    Operand,
    Queue,
    Recipe,
    RowOp,
    SyncPoint,
    TpcColumns,
    TpcIndexed,
    Window,
    from_bytes,
    to_bytes,
    validate,
)

F32, BF16, I32, FP8 = DataType.F32, DataType.BF16, DataType.I32, DataType.FP8_152
SIGNAL = SyncPoint(0, 1)
MME, TPC = (Work(engine, 1, 0, 0, 0, 0) for engine in (EngineClass.MME, EngineClass.TPC))


def at(offset: int, size: int) -> Operand:
    return Operand(None, offset, size)


# 5 x 4 pixels of 2 channels, kernel 3 x 2, stride 2 and 1: 2 x 3 places, 3 filters.
WINDOW = Window(1, 2, 3, Extent(4, 3, 2, 1, 1, 0), Extent(5, 2, 3, 2, 1, 0))
CONVOLUTION = MmeConvolution(
    *(0, "n", (), SIGNAL, MME, ConvolutionOp.FORWARD, at(0, 80), at(128, 36), at(256, 12), at(384, 72)),
    *(WINDOW, True, F32, "2xh", BF16, FP8),
)
DEDX = replace(CONVOLUTION, op=ConvolutionOp.DEDX, a=at(0, 36), bias=None, c=at(384, 160), relu=False)
DEDW = replace(CONVOLUTION, op=ConvolutionOp.DEDW, b=at(128, 18), bias=None, c=at(384, 144), relu=False)
COLUMNS = TpcColumns(0, "n", (), SIGNAL, TPC, RowOp.SUM, F32, at(0, 96), at(128, 32), 2, 3, 4)
GATHER = TpcIndexed(0, "n", (), SIGNAL, TPC, IndexOp.GATHER, BF16, at(0, 60), at(128, 8), at(256, 24), 2, 5, 2, 3)
SCATTER = replace(GATHER, op=IndexOp.SCATTER_ADD, data=at(0, 24), output=at(256, 60))
ONE_HOT = replace(GATHER, op=IndexOp.ONE_HOT, data=None, outer=1, inner=1, output=at(256, 20))


def recipe_of(step: Descriptor) -> Recipe:
    return Recipe("r", "gaudi2", (), 1024, 1, (Queue(step.engine, (step,)),))


@pytest.mark.parametrize("step", [CONVOLUTION, DEDX, DEDW, COLUMNS, GATHER, SCATTER, ONE_HOT])
def test_right_shapes_pass_and_survive_serialisation(step: Descriptor) -> None:
    recipe = recipe_of(step)
    validate(recipe)
    assert from_bytes(to_bytes(recipe)) == recipe


def wide(**parts: int) -> Window:
    return replace(WINDOW, width=replace(WINDOW.width, **parts))


WRONG: list[tuple[Descriptor, str]] = [
    (replace(CONVOLUTION, a=at(0, 78)), r"a has 78 bytes, its shape needs 80"),
    (replace(CONVOLUTION, b_type=F32), r"b has 36 bytes, its shape needs 144"),
    (replace(CONVOLUTION, a_type=I32), r"the MME does not multiply i32 by f8 to f32"),
    (replace(CONVOLUTION, output=FP8), r"the MME does not multiply bf16 by f8 to f8"),
    (replace(CONVOLUTION, c=at(32, 72)), r"a convolution cannot write over its operands"),
    (replace(CONVOLUTION, window=wide(stride=0)), r"Extent.* is no convolution"),
    (replace(CONVOLUTION, window=wide(stride=1 << 31)), r"Extent.* is no convolution"),
    (replace(CONVOLUTION, window=replace(WINDOW, filters=0)), r"2 channels, 0 filters"),
    (replace(DEDX, bias=at(256, 12)), r"a dedx has no bias"),
    (replace(COLUMNS, op=RowOp.SOFTMAX), r"softmax_fwd of f32 along 2 x 3 x 4"),
    (replace(COLUMNS, dtype=I32), r"reduce_sum_fwd of i32"),
    (replace(COLUMNS, inner=0), r"along 2 x 3 x 0"),
    (replace(COLUMNS, output=at(64, 32)), r"a reduction cannot write over its operand"),
    (replace(GATHER, size=6), r"data has 60 bytes, its shape needs 72"),
    (replace(GATHER, data=None), r"gather_fwd of bf16 without data"),
    (replace(GATHER, output=at(128, 24)), r"gather_fwd cannot write over its operands"),
    (replace(SCATTER, dtype=FP8), r"unsorted_scatter_add_fwd of f8 with data"),
    (replace(ONE_HOT, outer=2), r"one_hot_fwd with the extents \(2, 5, 2, 1\)"),
    (replace(ONE_HOT, size=1 << 31), r"one_hot_fwd with the extents"),
]


@pytest.mark.parametrize(("step", "reason"), WRONG)
def test_wrong_shapes_are_refused(step: Descriptor, reason: str) -> None:
    with pytest.raises(RecipeError, match=reason):
        validate(recipe_of(step))
