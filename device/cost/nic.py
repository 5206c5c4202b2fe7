"""Traffic of the network ports of one card: payload against line rate, and what a byte on the wire takes.

The fitted efficiency covers everything that keeps payload below the line rate. What packets make of it is known exactly
(headers, CRC, preamble, gap); the rest is taken to slow down every byte alike.
"""

from __future__ import annotations

from device.cost.operation import OperationCost, transfer_cost
from device.cost.work import Work
from device.engine_class import EngineClass
from device.spec import AsicSpec

__all__ = ["nic_busy_bytes_per_s", "nic_cost", "nic_ps_per_byte"]

# Bytes on the wire besides the payload of a packet in the middle of a message: BTH 12 and ICRC 4, then Ethernet 14,
# IPv4 20, UDP 8, FCS 4, preamble 8 and inter packet gap 12 (InfiniBand annex A17 RoCEv2; IEEE 802.3).
_PACKET_OVERHEAD_BYTES = 12 + 4 + 14 + 20 + 8 + 4 + 8 + 12


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
    return transfer_cost(work, ports * _payload_bytes_per_s(spec), max(sent_bytes, received_bytes), spec)


def nic_ps_per_byte(spec: AsicSpec) -> float:
    """Picoseconds that a byte on the wire takes, so that full packets come to the fitted rate."""
    wire_bytes = spec.nic.mtu_bytes + _PACKET_OVERHEAD_BYTES
    return 1e12 * spec.nic.mtu_bytes / wire_bytes / _payload_bytes_per_s(spec)


def nic_busy_bytes_per_s(ports: int, spec: AsicSpec) -> float:
    """Payload in one direction of `ports` that are busy without a pause."""
    return ports * _payload_bytes_per_s(spec)


def _payload_bytes_per_s(spec: AsicSpec) -> float:
    return spec.nic.line_gbps * 1e9 / 8 * spec.nic.efficiency
