"""What a node says beside its tensors, by the kind of its operation. Frozen, comparable, printed in dumps."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from device.dtypes import DataType
from device.errors import GraphError
from device.recipe.descriptors import Constant

__all__ = [
    "ConcatParams",
    "ConstantParams",
    "ConvolutionParams",
    "FusedParams",
    "FusedStep",
    "GemmParams",
    "IndexParams",
    "NormParams",
    "Params",
    "ReduceParams",
    "ShapeParams",
    "SliceParams",
    "TransposeParams",
    "constant_of",
    "f32_bits",
]


@dataclass(frozen=True, slots=True)
class GemmParams:
    """Inputs are A, B and, if there is a third one, the fp32 bias of the columns. relu follows the bias."""

    transpose_a: bool = False
    transpose_b: bool = False
    has_relu: bool = False
    geometry: str | None = None

    def __str__(self) -> str:
        flags = {"A^T": self.transpose_a, "B^T": self.transpose_b, "relu": self.has_relu}
        marks = [mark for mark, is_set in flags.items() if is_set]
        return " ".join([*marks, *([self.geometry] if self.geometry else [])])

    def with_flipped(self, place: int) -> GemmParams:
        """The same with input 0 or 1 read the other way round."""
        if place == 0:
            return replace(self, transpose_a=not self.transpose_a)
        return replace(self, transpose_b=not self.transpose_b)


@dataclass(frozen=True, slots=True)
class ConvolutionParams:
    """All pairs are (width, height), the padding (left, right, top, bottom); as synConvolutionParams has them.

    `size` is that of the image, for dedx: several sizes give the same result if the stride is above 1. Forward, a third
    input is the fp32 bias of the filters. relu follows the bias.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    size: tuple[int, int] | None = None
    has_relu: bool = False
    geometry: str | None = None

    def __str__(self) -> str:
        parts = {"kernel": self.kernel, "stride": self.stride, "dilation": self.dilation, "padding": self.padding}
        marks = [f"{name} {'x'.join(str(each) for each in value)}" for name, value in parts.items()]
        flags = [*(["relu"] if self.has_relu else []), *([self.geometry] if self.geometry else [])]
        return " ".join([*marks, *flags])


@dataclass(frozen=True, slots=True)
class TransposeParams:
    """Dimension i of the output is dimension permutation[i] of the input."""

    permutation: tuple[int, ...]

    def __str__(self) -> str:
        return "permutation " + " ".join(str(dim) for dim in self.permutation)


@dataclass(frozen=True, slots=True)
class ShapeParams:
    """Dimensions of the output, of a reshape or a broadcast."""

    dims: tuple[int, ...]

    def __str__(self) -> str:
        return "to " + "x".join(str(dim) for dim in self.dims)


@dataclass(frozen=True, slots=True)
class SliceParams:
    """Elements start .. end of each dimension."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def __str__(self) -> str:
        return "[" + ", ".join(f"{start}:{end}" for start, end in zip(self.starts, self.ends, strict=True)) + "]"


@dataclass(frozen=True, slots=True)
class ConcatParams:
    """Along this dimension."""

    axis: int

    def __str__(self) -> str:
        return f"axis {self.axis}"


@dataclass(frozen=True, slots=True)
class NormParams:
    """Of layer_norm and rms_norm: what is added to the mean square, as fp32 bits."""

    epsilon_bits: int

    def __str__(self) -> str:
        return f"epsilon {struct.unpack('<f', struct.pack('<I', self.epsilon_bits))[0]:.3g}"


@dataclass(frozen=True, slots=True)
class ReduceParams:
    """The dimension that becomes 1."""

    axis: int = 0

    def __str__(self) -> str:
        return f"axis {self.axis}"


@dataclass(frozen=True, slots=True)
class IndexParams:
    """The dimension that the indices count in; `size` is its extent in the result of a scatter or one-hot, else 0."""

    axis: int = 0
    size: int = 0

    def __str__(self) -> str:
        return f"axis {self.axis}" + (f" of {self.size}" if self.size else "")


@dataclass(frozen=True, slots=True)
class ConstantParams:
    """A tensor of these dimensions, all elements of it the same; `bits` are those of the output's type."""

    dims: tuple[int, ...]
    bits: int = 0

    def __str__(self) -> str:
        return f"{self.bits:#x} x " + "x".join(str(dim) for dim in self.dims)


@dataclass(frozen=True, slots=True)
class FusedStep:
    """An elementwise operation within a fused node; sources number its inputs, its constants, its earlier results."""

    guid: str
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FusedParams:
    """A TPC program; the last step gives the output."""

    constants: tuple[Constant, ...]
    steps: tuple[FusedStep, ...]

    def __str__(self) -> str:
        return "; ".join(step.guid for step in self.steps)


Params = (
    GemmParams
    | ConvolutionParams
    | TransposeParams
    | ShapeParams
    | SliceParams
    | ConcatParams
    | NormParams
    | ReduceParams
    | IndexParams
    | ConstantParams
    | FusedParams
)


def f32_bits(value: float) -> int:
    """Nearest fp32 number; OverflowError if it is too large for one."""
    return int(struct.unpack("<I", struct.pack("<f", value))[0])


def constant_of(value: float, dtype: DataType) -> int:
    """The bits of a number in a type: nearest even, through fp32 for all but i32; device.arrays does the same."""
    if dtype is DataType.I32:
        if not float(value).is_integer() or not -(2**31) <= value < 2**31:
            raise GraphError(f"{value} is no i32 constant")
        return int(value) & 0xFFFFFFFF
    bits = f32_bits(value)
    if value != value:
        bits = 0x7FC00000
    if dtype is DataType.F32:
        return bits
    if dtype.is_fp8:
        raise GraphError(f"a constant of {dtype}: make one of bf16 and cast it")
    if bits & 0x7F800000 == 0:
        bits &= 0x80000000
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
