"""Data types of tensors in device memory: their names in guids, and their sizes.

Only types that the engines execute are here. The MME's compute types (spec.MmeType) are another list: they decide how
fast a multiplication is, not how an element lies in memory.
"""

from __future__ import annotations

import enum

__all__ = ["FP8_TYPES", "DataType"]


class DataType(enum.StrEnum):
    """The value is the suffix of a kernel's guid, as in add_fwd_f32 or cast_bf16_to_hf8.

    FP8_152 has 5 bits of exponent and 2 of mantissa. FP8_143 is that of Gaudi 2, with Inf and the maximum 240;
    FP8_143_448 that of Gaudi 3, without Inf and with the maximum 448. AsicSpec.fp8_143 says which one an ASIC has.
    """

    BF16 = "bf16"
    F32 = "f32"
    I32 = "i32"
    FP8_152 = "f8"
    FP8_143 = "hf8"
    FP8_143_448 = "hf8_448"

    @property
    def size_bytes(self) -> int:
        return _SIZE_BYTES[self]

    @property
    def is_fp8(self) -> bool:
        return self in FP8_TYPES


FP8_TYPES = (DataType.FP8_152, DataType.FP8_143, DataType.FP8_143_448)

_SIZE_BYTES = {DataType.BF16: 2, DataType.F32: 4, DataType.I32: 4, **dict.fromkeys(FP8_TYPES, 1)}
