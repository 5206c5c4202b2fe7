"""How long the device takes, and which of its engines are busy meanwhile. Pure: values in, values out.

Times are device time at a SoC clock ratio. There is no factor for what an engine sustains: published rates below the
peak are a matter of power and clock, which the caller knows. The HBM, the DMA and the links have clocks of their own
(that the DMA has is assumed), so what they bound does not depend on the ratio.
"""

from device.cost.dma import CopyShape, copy_work, fill_work
from device.cost.memory import command_copy_work, command_fill_work, command_read_work
from device.cost.mme import (
    GemmShape,
    MmePlan,
    candidate_geometries,
    gemm_work,
    macs_per_second,
    plan_gemm,
    plan_geometry,
)
from device.cost.nic import nic_busy_bytes_per_s, nic_cost, nic_ps_per_byte
from device.cost.operation import Bound, OperationCost, engine_clock_hz, operation_cost
from device.cost.pcie import pcie_bytes_per_s, pcie_cost
from device.cost.toggle import mme_intensity
from device.cost.tpc import ElementwiseShape, RowShape, elementwise_work, row_work
from device.cost.work import Work

__all__ = [
    "Bound",
    "CopyShape",
    "ElementwiseShape",
    "GemmShape",
    "MmePlan",
    "OperationCost",
    "RowShape",
    "Work",
    "candidate_geometries",
    "command_copy_work",
    "command_fill_work",
    "command_read_work",
    "copy_work",
    "elementwise_work",
    "engine_clock_hz",
    "fill_work",
    "gemm_work",
    "macs_per_second",
    "mme_intensity",
    "nic_busy_bytes_per_s",
    "nic_cost",
    "nic_ps_per_byte",
    "operation_cost",
    "pcie_bytes_per_s",
    "pcie_cost",
    "plan_gemm",
    "plan_geometry",
    "row_work",
]
