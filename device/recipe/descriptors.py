"""Descriptors: one step of one engine each, with its operands, its sync values and its work.

Matrices and tensors are dense and row major (the fast changing dimension is a row). What an operation computes is
defined by the kernels' headers; this module only carries the parameters.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

from device.cost.work import Work
from device.dtypes import DataType
from device.engine_class import EngineClass

__all__ = ["Descriptor", "DmaCopy", "ElementwiseOp", "MmeGemm", "Operand", "SyncPoint", "TpcElementwise"]


@dataclass(frozen=True, slots=True)
class Operand:
    """A range of bytes: within persistent tensor number `tensor`, or within the workspace if that is None."""

    tensor: int | None
    offset_bytes: int
    size_bytes: int

    @property
    def is_workspace(self) -> bool:
        return self.tensor is None

    def overlaps(self, other: Operand) -> bool:
        """Whether the two share a byte, if different persistent tensors do not."""
        if self.tensor != other.tensor:
            return False
        end = self.offset_bytes + self.size_bytes
        other_end = other.offset_bytes + other.size_bytes
        return self.offset_bytes < other_end and other.offset_bytes < end


@dataclass(frozen=True, slots=True)
class SyncPoint:
    """A sync object and a value: a signal makes the object reach it, a wait lasts until it is reached."""

    sob: int
    value: int


class ElementwiseOp(enum.StrEnum):
    """Operations of the TPC; the value is the guid. COPY moves bytes where the ASIC has no DMA engine for it."""

    ADD_F32 = "add_fwd_f32"
    ADD_BF16 = "add_fwd_bf16"
    MUL_F32 = "mul_fwd_f32"
    MUL_BF16 = "mul_fwd_bf16"
    RELU_F32 = "relu_fwd_f32"
    RELU_BF16 = "relu_fwd_bf16"
    CAST_F32_TO_BF16 = "cast_f32_to_bf16"
    CAST_BF16_TO_F32 = "cast_bf16_to_f32"
    COPY = "memcpy"

    @property
    def input_count(self) -> int:
        return _ELEMENTWISE_FORMS[self].input_count

    @property
    def input_bytes(self) -> int:
        """Of one element of an input; a copy counts bytes."""
        return _ELEMENTWISE_FORMS[self].input_bytes

    @property
    def output_bytes(self) -> int:
        """Of one element of the output."""
        return _ELEMENTWISE_FORMS[self].output_bytes

    @property
    def flops(self) -> int:
        """Of one element; moving and casting count as none."""
        return _ELEMENTWISE_FORMS[self].flops


class _ElementwiseForm(NamedTuple):
    input_count: int
    input_bytes: int
    output_bytes: int
    flops: int


_ELEMENTWISE_FORMS = {
    ElementwiseOp.ADD_F32: _ElementwiseForm(2, 4, 4, 1),
    ElementwiseOp.ADD_BF16: _ElementwiseForm(2, 2, 2, 1),
    ElementwiseOp.MUL_F32: _ElementwiseForm(2, 4, 4, 1),
    ElementwiseOp.MUL_BF16: _ElementwiseForm(2, 2, 2, 1),
    ElementwiseOp.RELU_F32: _ElementwiseForm(1, 4, 4, 1),
    ElementwiseOp.RELU_BF16: _ElementwiseForm(1, 2, 2, 1),
    ElementwiseOp.CAST_F32_TO_BF16: _ElementwiseForm(1, 4, 2, 0),
    ElementwiseOp.CAST_BF16_TO_F32: _ElementwiseForm(1, 2, 4, 0),
    ElementwiseOp.COPY: _ElementwiseForm(1, 1, 1, 0),
}


@dataclass(frozen=True, slots=True)
class DescriptorFrame:
    """What every descriptor has. `order` is its place in the schedule of the whole recipe, `node` the graph's name for
    it. It starts when all `waits` are reached and its queue has finished the one before; its end is `signal`."""

    order: int
    node: str
    waits: tuple[SyncPoint, ...]
    signal: SyncPoint
    work: Work


@dataclass(frozen=True, slots=True)
class MmeGemm(DescriptorFrame):
    """C[m, n] = A[m, k] x B[k, n], then bias[n] in fp32, then relu, then the cast to `output`.

    A and B are bf16; with a transpose the matrix lies as [k, m] or [n, k]. `geometry` is for display.
    """

    a: Operand
    b: Operand
    bias: Operand | None
    c: Operand
    m: int
    n: int
    k: int
    transpose_a: bool
    transpose_b: bool
    relu: bool
    output: DataType
    geometry: str

    @property
    def engine(self) -> EngineClass:
        return EngineClass.MME

    @property
    def reads(self) -> tuple[Operand, ...]:
        return (self.a, self.b) if self.bias is None else (self.a, self.b, self.bias)

    @property
    def writes(self) -> tuple[Operand, ...]:
        return (self.c,)


@dataclass(frozen=True, slots=True)
class TpcElementwise(DescriptorFrame):
    """output[i] = op(inputs[0][i], inputs[1][i % period]) for i < count.

    `period` is the number of elements of the second input; with one input it equals `count`.
    """

    op: ElementwiseOp
    inputs: tuple[Operand, ...]
    output: Operand
    count: int
    period: int

    @property
    def engine(self) -> EngineClass:
        return EngineClass.TPC

    @property
    def reads(self) -> tuple[Operand, ...]:
        return self.inputs

    @property
    def writes(self) -> tuple[Operand, ...]:
        return (self.output,)


@dataclass(frozen=True, slots=True)
class DmaCopy(DescriptorFrame):
    """Bytes from one place of device memory to another one of the same size."""

    source: Operand
    destination: Operand

    @property
    def engine(self) -> EngineClass:
        return EngineClass.DMA

    @property
    def reads(self) -> tuple[Operand, ...]:
        return (self.source,)

    @property
    def writes(self) -> tuple[Operand, ...]:
        return (self.destination,)


Descriptor = MmeGemm | TpcElementwise | DmaCopy
