"""`gaudi-box rdma`: RDMA messages from a port to the other end of its cable, or back to itself; what came of it.

Both cards are held by this process. Every byte is compared where it arrives.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from device.card import Box, CardState
from device.errors import BoxError, FabricError
from device.fabric import QueuePair, WorkCompletion
from device.runtime import Card, Network

__all__ = ["RdmaRun", "parse_end", "render_run", "run_rdma"]

_LATENCY_PROBES = 100
_PROBE_BYTES = 8
_DEPTH = 4


@dataclass(frozen=True, slots=True)
class RdmaRun:
    """What a run gave; `latency_us` is the median of small messages, times are device time."""

    source: str
    destination: str
    operation: str
    message_bytes: int
    messages: int
    gbps: float
    latency_us: float
    dilation: float
    retransmissions: int
    crc_errors: int
    wrong_bytes: int


def parse_end(text: str) -> tuple[int, int | None]:
    """ "3" or "3:10": accel number and, if given, port. BoxError for anything else."""
    match = re.fullmatch(r"(\d{1,2})(?::(\d{1,2}))?", text)
    if match is None:
        raise BoxError(f"{text!r} is no card or port such as 3 or 3:10")
    return int(match[1]), None if match[2] is None else int(match[2])


def run_rdma(source: str, destination: str | None, operation: str, size: int, count: int) -> RdmaRun:
    """`destination` None: wherever the cable leads; "loopback": the port itself. BoxError names what does not fit."""
    with Box.open() as box, contextlib.ExitStack() as held:
        index, port = parse_end(source)
        card = box.card(index)
        if port is None:
            port = _port_towards(box, card, destination)
        if port >= card.identity.port_count:
            raise BoxError(f"there is no port {port} on card {index}; it has {card.identity.port_count}, from 0 on")
        peer_index, peer_port = _other_end(box, card, port, destination)
        a = held.enter_context(Card.acquire(index, box))
        b = a if peer_index == index else held.enter_context(Card.acquire(peer_index, box))
        names = (f"card {index} port {port}", f"card {peer_index} port {peer_port}")
        return _measure(_Ends(a, port, b, peer_port), names, operation, size, count)


def _port_towards(box: Box, card: CardState, destination: str | None) -> int:
    """The first port that leads to the wanted card, or the first internal one."""
    if destination is None or destination == "loopback":
        wanted = None
    else:
        wanted = box.card(parse_end(destination)[0]).identity.module_id
    for port in range(card.identity.port_count):
        module = card.cable(port)[0]
        if module >= 0 and wanted in (None, module):
            return port
    raise BoxError(f"no cable of card {card.index} leads to {destination or 'another card'}; see hl-smi topo -m")


def _other_end(box: Box, card: CardState, port: int, destination: str | None) -> tuple[int, int]:
    if destination == "loopback":
        return card.index, port
    module, peer_port = card.cable(port)
    peer = next((other.index for other in box.cards if other.identity.module_id == module), None)
    if peer is None:
        raise BoxError(
            f"port {port} of card {card.index} leads to no card of this box; name one that does, or loopback"
        )
    wanted = None if destination is None else parse_end(destination)
    if wanted is not None and (wanted[0] != peer or wanted[1] not in (None, peer_port)):
        raise BoxError(
            f"the cable of port {port} of card {card.index} leads to {peer}:{peer_port}, not to {destination}"
        )
    return peer, peer_port


class _Ends:
    """Two connected queue pairs and their networks."""

    def __init__(self, a: Card, port: int, b: Card, peer_port: int) -> None:
        self.a, self.b, self.port = a, b, port
        self.first: QueuePair = a.network.nic.create_qp(port, a.network.nic.create_cq())
        self.second: QueuePair = b.network.nic.create_qp(peer_port, b.network.nic.create_cq())
        self.first.connect(self.second.address)
        self.second.connect(self.first.address)

    @property
    def network(self) -> Network:
        return self.a.network


def _measure(ends: _Ends, names: tuple[str, str], operation: str, size: int, count: int) -> RdmaRun:
    data = np.random.default_rng(1).integers(0, 256, size, dtype=np.uint8)
    near, far = ends.a.malloc(size), ends.b.malloc(size)
    ends.a.copy_to_device(near, np.zeros_like(data) if operation == "read" else data)
    ends.b.copy_to_device(far, data if operation == "read" else np.zeros_like(data))
    local, remote = ends.network.register(near), ends.b.network.register(far)

    def post(length: int) -> None:
        if operation == "read":
            ends.first.read(local, remote.key, remote.address, length=length)
        elif operation == "write":
            ends.first.write(local, remote.key, remote.address, length=length)
        else:
            ends.second.receive(remote)
            ends.first.send(local, length=length)

    probe = min(_PROBE_BYTES, size)
    latencies = sorted(_wait(ends, post, probe).device_s for _ in range(_LATENCY_PROBES))
    begin_ns, before = ends.a.box_time_ns(), ends.network.nic.usage(ends.port)
    begin_s = ends.network.nic.device_time_s()
    for number in range(count):
        post(size)
        if number + 1 >= _DEPTH:
            _completed(ends)
    for _ in range(min(count, _DEPTH - 1)):
        _completed(ends)
    device_s = ends.network.nic.device_time_s() - begin_s
    box_s = (ends.a.box_time_ns() - begin_ns) * 1e-9
    added = ends.network.nic.usage(ends.port).since(before)
    found = np.empty_like(data)
    (ends.a if operation == "read" else ends.b).copy_from_device(near if operation == "read" else far, found)
    return RdmaRun(
        source=names[0],
        destination=names[1],
        operation=operation,
        message_bytes=size,
        messages=count,
        gbps=size * count * 8 / device_s / 1e9,
        latency_us=latencies[len(latencies) // 2] * 1e6,
        dilation=box_s / device_s,
        retransmissions=added.retransmitted_packets,
        crc_errors=added.crc_errors,
        wrong_bytes=int(np.count_nonzero(found != data)),
    )


def _wait(ends: _Ends, post: Any, length: int) -> WorkCompletion:
    post(length)
    return _completed(ends)


def _completed(ends: _Ends) -> WorkCompletion:
    done = next(ends.first.send_queue.completions(1))
    if not done.is_success:
        raise FabricError(f"{done.status.name}: {done.status.text}")
    return done


def render_run(run: RdmaRun) -> str:
    """Text for people."""
    lines = [
        f"{run.operation} {run.source} -> {run.destination}: {run.messages} messages of {run.message_bytes} bytes",
        f"bandwidth        {run.gbps:.2f} Gb/s (device time)",
        f"latency          {run.latency_us:.2f} us (device time, median of {_LATENCY_PROBES} small messages)",
        f"retransmissions  {run.retransmissions} packets, {run.crc_errors} CRC errors at the sender",
        f"data             {'right' if run.wrong_bytes == 0 else f'{run.wrong_bytes} bytes are wrong'}",
        f"dilation         {run.dilation:.0f} (box time over device time)",
    ]
    return "\n".join(lines)
