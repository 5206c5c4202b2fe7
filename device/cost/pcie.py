"""Copies between host and card: the rate of the link as it is trained at present."""

from __future__ import annotations

from device.cost.operation import OperationCost, transfer_cost
from device.cost.work import Work
from device.engine_class import EngineClass
from device.spec import AsicSpec

__all__ = ["pcie_bytes_per_s", "pcie_cost"]

# Bytes per second and lane after the line code of the PCI Express base specification: 8b/10b up to generation 2,
# 128b/130b from 3 to 5.
_LANE_BYTES_PER_S = {
    1: 2.5e9 * 8 / 10 / 8,
    2: 5e9 * 8 / 10 / 8,
    3: 8e9 * 128 / 130 / 8,
    4: 16e9 * 128 / 130 / 8,
    5: 32e9 * 128 / 130 / 8,
}


def pcie_bytes_per_s(spec: AsicSpec, generation: int, lanes: int) -> float:
    """In one direction, without packet overhead."""
    if generation not in _LANE_BYTES_PER_S or lanes < 1:
        raise ValueError(f"a PCIe link of generation {generation} with {lanes} lanes; known generations are 1 to 5")
    return _LANE_BYTES_PER_S[generation] * lanes * spec.pcie.efficiency


def pcie_cost(
    size_bytes: int, spec: AsicSpec, generation: int, lanes: int, is_upload: bool, is_hbm: bool = True
) -> OperationCost:
    """One copy. An upload comes from the host and writes the HBM or the SRAM, a download reads it."""
    work = Work(
        engine=EngineClass.PCIE,
        cycles=0,
        fixed_ns=spec.pcie.overhead_ns,
        hbm_read_bytes=size_bytes if is_hbm and not is_upload else 0,
        hbm_write_bytes=size_bytes if is_hbm and is_upload else 0,
        flops=0,
    )
    return transfer_cost(work, pcie_bytes_per_s(spec, generation, lanes), size_bytes, spec)
