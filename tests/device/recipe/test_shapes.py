"""Shapes of descriptors that no engine could carry out are refused, each with its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from device.cost import Work
from device.dtypes import DataType
from device.engine_class import EngineClass
from device.errors import RecipeError
from device.recipe import (
    Access,
    Constant,
    Copy,
    Descriptor,
    ElementwiseOp,
    Fill,
    Instruction,
    MmeGemm,
    Operand,
    Place,
    Queue,
    Recipe,
    RowOp,
    SyncPoint,
    TpcElementwise,
    TpcRows,
    from_bytes,
    to_bytes,
    validate,
)

F32, BF16 = DataType.F32, DataType.BF16
SIGNAL = SyncPoint(0, 1)
TPC, DMA = (Work(engine, 1, 0, 0, 0, 0) for engine in (EngineClass.TPC, EngineClass.DMA))
LOW, HIGH = Operand(None, 0, 64), Operand(None, 64, 64)

PROGRAM = (Instruction(ElementwiseOp.MUL, F32, (0, 1)), Instruction(ElementwiseOp.EXP, F32, (2,)))
ELEMENTWISE = TpcElementwise(
    0, "n", (), SIGNAL, TPC, (LOW,), (F32,), (Access(1, 16),), (Constant(0x3F800000, F32),), PROGRAM, HIGH, 16
)
ROWS = TpcRows(0, "n", (), SIGNAL, TPC, RowOp.SOFTMAX, F32, (LOW,), HIGH, 2, 8, 0)
COPY = Copy(0, "n", (), SIGNAL, DMA, LOW, HIGH, 4, (4, 4), (4, 1), (1, 4))
GEMM = MmeGemm(
    *(0, "n", (), SIGNAL, Work(EngineClass.MME, 1, 0, 0, 0, 0)),
    *(Operand(None, 0, 2 * (3 * 9 + 4)), Operand(None, 64, 32), None, Operand(None, 96, 32)),
    *(4, 4, 4, False, False, False, BF16, "2xh"),
    a_pitch=9,
)
FILL = Fill(0, "n", (), SIGNAL, DMA, Constant(0x3F80, BF16), LOW, 32)


def recipe_of(step: Descriptor) -> Recipe:
    return Recipe("r", "gaudi2", (), 128, 1, (Queue(step.engine, (step,)),))


@pytest.mark.parametrize("step", [ELEMENTWISE, ROWS, COPY, FILL, GEMM])
def test_right_shapes_pass_and_survive_serialisation(step: Descriptor) -> None:
    recipe = recipe_of(step)
    validate(recipe)
    assert from_bytes(to_bytes(recipe)) == recipe


WRONG: list[tuple[Descriptor, str]] = [
    (replace(ELEMENTWISE, program=()), "16 elements through 0 instructions"),
    (replace(ELEMENTWISE, program=(Instruction(ElementwiseOp.EXP, F32, (2,)),)), "reads register 2 of 2"),
    (replace(ELEMENTWISE, program=(Instruction(ElementwiseOp.EXP, BF16, (0,)),)), "reads a f32 as bf16"),
    (replace(ELEMENTWISE, program=(Instruction(ElementwiseOp.ADD, F32, (0,)),)), "has 1 operands, needs 2"),
    (replace(ELEMENTWISE, accesses=()), "1 inputs with 0 accesses"),
    (replace(ELEMENTWISE, accesses=(Access(1, 5),)), "16 elements cannot repeat 5 by 1"),
    (replace(ELEMENTWISE, accesses=(Access(2, 8),)), r"inputs\[0\] has 64 bytes, its shape needs 32"),
    (replace(ELEMENTWISE, constants=(Constant(0x10000, BF16),)), "0x10000 is no bf16"),
    (
        replace(ELEMENTWISE, accesses=(Access(2, 8),), inputs=(replace(LOW, size_bytes=32),), output=LOW),
        "writes over an input that repeats",
    ),
    (replace(ROWS, output=LOW), "cannot write over its operands"),
    (replace(ROWS, inputs=(LOW, LOW)), "has 2 inputs, needs 1"),
    (replace(ROWS, epsilon_bits=0x7FC00000), "epsilon bits 0x7fc00000"),
    (replace(ROWS, op=RowOp.SUM), "output has 64 bytes, its shape needs 8"),
    (replace(COPY, destination_steps=(1, 3)), "writes an element twice"),
    (replace(COPY, source_steps=(4,)), r"steps \(4,\)"),
    (replace(COPY, destination=Operand(None, 32, 64)), "must not overlap"),
    (replace(COPY, source_steps=(4, 2)), "source has 64 bytes, its shape needs 76"),
    (replace(GEMM, a_pitch=3), "1 matrices with rows of 4 elements every 3"),
    (replace(GEMM, a_pitch=9, batch=2), "2 matrices with rows of 4 elements every 9"),
    (replace(GEMM, a_pitch=8), "a has 62 bytes, its shape needs 56"),
    (replace(GEMM, work=TPC), "the TPC does not carry out MmeGemm"),
    (replace(FILL, work=replace(DMA, engine=EngineClass.NIC)), "a queue for the NIC"),
    (replace(FILL, output=replace(LOW, place=Place.SRAM)), "reaches byte 64 of the SRAM, which has 0"),
    (replace(COPY, source=replace(LOW, tensor=0, place=Place.SRAM)), "a persistent tensor in the SRAM"),
    (replace(FILL, count=0), "0 elements to fill"),
    (replace(FILL, count=31), "output has 64 bytes, its shape needs 62"),
]


@pytest.mark.parametrize(("step", "message"), WRONG)
def test_wrong_shapes_are_refused(step: Descriptor, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        validate(recipe_of(step))


def test_operands_in_different_memories_never_overlap() -> None:
    assert not LOW.overlaps(replace(LOW, place=Place.SRAM))
    assert LOW.overlaps(replace(LOW, place=Place.CACHE))
    sram = replace(LOW, place=Place.SRAM)
    validate(replace(recipe_of(replace(COPY, source=sram, destination=LOW)), sram_bytes=64))
