"""Data types of tensors in device memory: their names in guids, and their sizes.

Only types that the engines execute are here. The MME's compute types (spec.MmeType) are another list: they decide how
fast a multiplication is, not how an element lies in memory.
"""

from __future__ import annotations

import enum

__all__ = ["DataType"]


class DataType(enum.StrEnum):
    """The value is the suffix of a kernel's guid, as in add_fwd_f32."""

    BF16 = "bf16"
    F32 = "f32"

    @property
    def size_bytes(self) -> int:
        return _SIZE_BYTES[self]


_SIZE_BYTES = {DataType.BF16: 2, DataType.F32: 4}
