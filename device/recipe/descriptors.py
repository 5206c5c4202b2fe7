"""Descriptors: one step of one engine each, with its operands, its sync values and its work.

Matrices and tensors are dense and row major (the fast changing dimension is a row). What an operation computes is
defined by the kernels' headers; this module only carries the parameters.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import ClassVar

from device.cost.work import Work
from device.dtypes import DataType
from device.engine_class import EngineClass
from device.recipe.tpc_ops import ElementwiseOp, IndexOp, RowOp

__all__ = [
    "Access",
    "Constant",
    "ConvolutionOp",
    "Copy",
    "Descriptor",
    "Extent",
    "Fill",
    "Instruction",
    "MmeConvolution",
    "MmeGemm",
    "Operand",
    "Place",
    "SyncPoint",
    "TpcColumns",
    "TpcElementwise",
    "TpcIndexed",
    "TpcRows",
    "Window",
]


class Place(enum.StrEnum):
    """Which memory an access goes to. The bytes of CACHE lie in the HBM, but the access hits the cache before it."""

    HBM = "hbm"
    SRAM = "sram"
    CACHE = "cache"


@dataclass(frozen=True, slots=True)
class Operand:
    """A range of bytes: within persistent tensor number `tensor`, or if that is None within the workspace, or within
    the recipe's part of the SRAM if the place says so."""

    tensor: int | None
    offset_bytes: int
    size_bytes: int
    place: Place = Place.HBM

    @property
    def is_on_chip(self) -> bool:
        return self.place is not Place.HBM

    @property
    def space(self) -> tuple[int | None, bool]:
        """Offsets of two operands can be compared if this is the same: tensor or workspace, and whether in SRAM."""
        return self.tensor, self.place is Place.SRAM

    def overlaps(self, other: Operand) -> bool:
        """Whether the two share a byte, if different persistent tensors do not."""
        if self.space != other.space:
            return False
        end = self.offset_bytes + self.size_bytes
        other_end = other.offset_bytes + other.size_bytes
        return self.offset_bytes < other_end and other.offset_bytes < end


@dataclass(frozen=True, slots=True)
class SyncPoint:
    """A sync object and a value: a signal makes the object reach it, a wait lasts until it is reached."""

    sob: int
    value: int


@dataclass(frozen=True, slots=True)
class DescriptorFrame:
    """What every descriptor has. `order` is its place in the schedule of the whole recipe, `node` the graph's name for
    it. It starts when all `waits` are reached and its queue has finished the one before; its end is `signal`.

    A class names its fields that are operands (an Operand, a tuple of them, or None), and the engines that it runs on.
    """

    READS: ClassVar[tuple[str, ...]] = ()
    WRITES: ClassVar[tuple[str, ...]] = ()
    ENGINES: ClassVar[frozenset[EngineClass]] = frozenset()

    order: int
    node: str
    waits: tuple[SyncPoint, ...]
    signal: SyncPoint
    work: Work

    @property
    def engine(self) -> EngineClass:
        return self.work.engine

    @property
    def reads(self) -> tuple[Operand, ...]:
        return tuple(operand for _, operand in self.named_operands(self.READS))

    @property
    def writes(self) -> tuple[Operand, ...]:
        return tuple(operand for _, operand in self.named_operands(self.WRITES))

    def named_operands(self, names: tuple[str, ...]) -> list[tuple[str, Operand]]:
        """The operands of these fields, as "c" or "inputs[1]"."""
        found: list[tuple[str, Operand]] = []
        for name in names:
            value: Operand | tuple[Operand, ...] | None = getattr(self, name)
            if isinstance(value, Operand):
                found.append((name, value))
            elif value is not None:
                found.extend((f"{name}[{index}]", operand) for index, operand in enumerate(value))
        return found


@dataclass(frozen=True, slots=True)
class MmeGemm(DescriptorFrame):
    """C[m, n] = A[m, k] x B[k, n], then bias[n] in fp32, then relu, then the cast to `output`; all that `batch` times.

    A and B are bf16, f32 or fp8; with a transpose the matrix lies as [k, m] or [n, k]. The matrices of a batch follow
    each other; with `is_b_shared` there is one B for all. An operand with a pitch is a window of a wider matrix: its
    rows begin so many elements apart (only without a batch); None: dense. `geometry` is for display.
    """

    READS = ("a", "b", "bias")
    WRITES = ("c",)
    ENGINES = frozenset({EngineClass.MME})

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
    batch: int = 1
    is_b_shared: bool = False
    a_pitch: int | None = None
    b_pitch: int | None = None
    a_type: DataType = DataType.BF16
    b_type: DataType = DataType.BF16


class ConvolutionOp(enum.StrEnum):
    """The value is the guid."""

    FORWARD = "spatial_convolution"
    DEDX = "dedx"
    DEDW = "dedw"


@dataclass(frozen=True, slots=True)
class Extent:
    """A convolution along one dimension: `x` and `y` elements of image and result, `before` are zeros padded there."""

    x: int
    y: int
    kernel: int
    stride: int
    dilation: int
    before: int


@dataclass(frozen=True, slots=True)
class Window:
    """A convolution in two dimensions. Images are batch x height x width x channels, filters kernel height x kernel
    width x channels x filters, results batch x height x width x filters; the last one changes fastest."""

    batch: int
    channels: int
    filters: int
    height: Extent
    width: Extent

    @property
    def x_count(self) -> int:
        return self.batch * self.height.x * self.width.x * self.channels

    @property
    def w_count(self) -> int:
        return self.height.kernel * self.width.kernel * self.channels * self.filters

    @property
    def y_count(self) -> int:
        return self.batch * self.height.y * self.width.y * self.filters


@dataclass(frozen=True, slots=True)
class MmeConvolution(DescriptorFrame):
    """C = A (*) B, then bias in fp32, then relu, then the cast to `output`.

    FORWARD  A image, B filters, C result
    DEDX     A gradient of the result, B filters, C gradient of the image
    DEDW     A image, B gradient of the result, C gradient of the filters

    Each element of C is a sum in the order and the arithmetic of a gemm, over (kernel height, kernel width, channels),
    (kernel height, kernel width, filters) and (batch, height, width); a place outside of A counts as +0.
    """

    READS = ("a", "b", "bias")
    WRITES = ("c",)
    ENGINES = frozenset({EngineClass.MME})

    op: ConvolutionOp
    a: Operand
    b: Operand
    bias: Operand | None
    c: Operand
    window: Window
    relu: bool
    output: DataType
    geometry: str
    a_type: DataType
    b_type: DataType


@dataclass(frozen=True, slots=True)
class Access:
    """How an input repeats: element i of the result reads element (i // repeat) % period."""

    repeat: int
    period: int


@dataclass(frozen=True, slots=True)
class Constant:
    """One number for all elements, as the bits of its type."""

    bits: int
    dtype: DataType


@dataclass(frozen=True, slots=True)
class Instruction:
    """A step of a TPC program on operands of `dtype`. `sources` number the registers: first the inputs, then the
    constants, then the results of the instructions before."""

    op: ElementwiseOp
    dtype: DataType
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TpcElementwise(DescriptorFrame):
    """One pass over memory: `count` elements go through a program, whose last result is the output.

    Each result is rounded to its type, so a program gives the same bits as its instructions one by one.
    """

    READS = ("inputs",)
    WRITES = ("output",)
    ENGINES = frozenset({EngineClass.TPC})

    inputs: tuple[Operand, ...]
    input_types: tuple[DataType, ...]
    accesses: tuple[Access, ...]
    constants: tuple[Constant, ...]
    program: tuple[Instruction, ...]
    output: Operand
    count: int

    @property
    def output_type(self) -> DataType:
        last = self.program[-1]
        return last.op.output_type(last.dtype)


@dataclass(frozen=True, slots=True)
class TpcRows(DescriptorFrame):
    """An operation along each of `rows` rows. `inputs` are x, then gamma and beta in fp32; epsilon is fp32 bits."""

    READS = ("inputs",)
    WRITES = ("output",)
    ENGINES = frozenset({EngineClass.TPC})

    op: RowOp
    dtype: DataType
    inputs: tuple[Operand, ...]
    output: Operand
    rows: int
    columns: int
    epsilon_bits: int


@dataclass(frozen=True, slots=True)
class TpcColumns(DescriptorFrame):
    """A reduction along the middle dimension of x, which is outer x count x inner, into outer x inner."""

    READS = ("x",)
    WRITES = ("output",)
    ENGINES = frozenset({EngineClass.TPC})

    op: RowOp
    dtype: DataType
    x: Operand
    output: Operand
    outer: int
    count: int
    inner: int


@dataclass(frozen=True, slots=True)
class TpcIndexed(DescriptorFrame):
    """Places that `count` i32 indices name, each one of `size`.

    GATHER       data is outer x size x inner, output[o, j, i] = data[o, indices[j], i], outer x count x inner
    SCATTER_ADD  data is outer x count x inner; output, outer x size x inner, starts at zero, and
                 output[o, indices[j], i] += data[o, j, i] in the order of j, in fp32, rounded to `dtype` at the end
    ONE_HOT      no data; output is count x size, 1 at [j, indices[j]], else 0
    """

    READS = ("data", "indices")
    WRITES = ("output",)
    ENGINES = frozenset({EngineClass.TPC})

    op: IndexOp
    dtype: DataType
    data: Operand | None
    indices: Operand
    output: Operand
    outer: int
    size: int
    count: int
    inner: int


@dataclass(frozen=True, slots=True)
class Copy(DescriptorFrame):
    """Elements from one place of device memory to another one, on the engine that its work names (DMA or TPC).

    `sizes` list the dimensions, the fast one first; the steps of source and destination count elements, a source step
    of 0 repeats. Copies, transposes, slices, concatenations and broadcasts are all of this kind.
    """

    READS = ("source",)
    WRITES = ("destination",)
    ENGINES = frozenset({EngineClass.DMA, EngineClass.TPC})

    source: Operand
    destination: Operand
    element_bytes: int
    sizes: tuple[int, ...]
    source_steps: tuple[int, ...]
    destination_steps: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fill(DescriptorFrame):
    """`count` times the same element, on the engine that its work names (DMA or TPC)."""

    READS = ()
    WRITES = ("output",)
    ENGINES = frozenset({EngineClass.DMA, EngineClass.TPC})

    value: Constant
    output: Operand
    count: int


Descriptor = MmeGemm | MmeConvolution | TpcElementwise | TpcRows | TpcColumns | TpcIndexed | Copy | Fill
