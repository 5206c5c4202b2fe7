"""Traffic of the network ports of one card: payload against line rate."""

from __future__ import annotations

from device.cost.operation import OperationCost, transfer_cost
from device.cost.work import Work
from device.engine_class import EngineClass
from device.spec import AsicSpec

__all__ = ["nic_cost"]


def nic_cost(sent_bytes: int, received_bytes: int, ports: int, spec: AsicSpec) -> OperationCost:
    """Bytes of the whole card, spread evenly over `ports`, which are full duplex. Sending reads the HBM."""
    if not 1 <= ports <= spec.nic.ports:
        raise ValueError(f"{ports} ports; a {spec.name} has {spec.nic.ports}")
    work = Work(
        engine=EngineClass.NIC,
        cycles=0,
        fixed_ns=0,
        hbm_read_bytes=sent_bytes,
        hbm_write_bytes=received_bytes,
        flops=0,
    )
    bytes_per_s = ports * spec.nic.line_gbps * 1e9 / 8 * spec.nic.efficiency
    return transfer_cost(work, bytes_per_s, max(sent_bytes, received_bytes), spec)
