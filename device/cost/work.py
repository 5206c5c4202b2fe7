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
    """`cycles` count the clock of the engine; `fixed_ns` pass at any clock; `flops` count a multiply-add as two.

    `sram_bytes` are read from or written to the SRAM (Gaudi 2) or hit the cache (Gaudi 3), and do not cross the HBM.
    """

    engine: EngineClass
    cycles: int
    fixed_ns: int
    hbm_read_bytes: int
    hbm_write_bytes: int
    flops: int
    sram_bytes: int = 0

    @property
    def hbm_bytes(self) -> int:
        return self.hbm_read_bytes + self.hbm_write_bytes
