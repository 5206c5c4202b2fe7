"""What one operation asks of its engine, free of any clock: cycles, bytes, operations.

The compiler computes it and stores it in the recipe, so that the runtime knows the device time of a launch at the
present clock without knowing how a gemm is laid out.
"""

from __future__ import annotations

from dataclasses import dataclass

from device.engine_class import EngineClass

__all__ = ["Work"]


@dataclass(frozen=True, slots=True)
class Work:
    """`cycles` count the clock of the engine; `fixed_ns` pass at any clock; `flops` count a multiply-add as two."""

    engine: EngineClass
    cycles: int
    fixed_ns: int
    hbm_read_bytes: int
    hbm_write_bytes: int
    flops: int

    @property
    def hbm_bytes(self) -> int:
        return self.hbm_read_bytes + self.hbm_write_bytes
