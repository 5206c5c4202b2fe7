"""What a node says beside its tensors, by the kind of its operation. Frozen, comparable, printed in dumps."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from device.dtypes import DataType
from device.recipe.descriptors import Constant

__all__ = [
    "ConcatParams",
    "ConstantParams",
    "FusedParams",
    "FusedStep",
    "GemmParams",
    "NormParams",
    "Params",
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
    GemmParams | TransposeParams | ShapeParams | SliceParams | ConcatParams | NormParams | ConstantParams | FusedParams
)


def f32_bits(value: float) -> int:
    """Nearest fp32 number; OverflowError if it is too large for one."""
    return int(struct.unpack("<I", struct.pack("<f", value))[0])


def constant_of(value: float, dtype: DataType) -> int:
    """The bits of a number in a type: nearest even, through fp32; a bf16 denormal is zero of its sign."""
    bits = f32_bits(value)
    if value != value:
        bits = 0x7FC00000
    if dtype is DataType.F32:
        return bits
    if bits & 0x7F800000 == 0:
        bits &= 0x80000000
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
