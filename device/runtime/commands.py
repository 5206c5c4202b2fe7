"""From what somebody wants moved, filled or checked to a command: who does it, what it costs, how the bytes move."""

from __future__ import annotations

import numpy as np

from device.cost import (
    OperationCost,
    command_copy_work,
    command_fill_work,
    command_read_work,
    operation_cost,
    pcie_cost,
)
from device.engine_class import EngineClass
from device.errors import LaunchError
from device.memory import Bytes, FaultyMemory, Mismatches, Pattern
from device.runtime.session import Session
from device.runtime.transfer import Command

__all__ = ["check_command", "copy_command", "download_command", "fill_command", "upload_command"]

# Between two memories bytes go through a buffer of the host.
_BUFFER_BYTES = 1 << 20


def upload_command(session: Session, address: int, source: Bytes) -> Command:
    """From the host; `source` is contiguous and stays as it is until the command has ended."""
    memory = session.memory_at(address)
    is_hbm = memory is session.hbm

    def move(offset: int, size: int) -> None:
        memory.write(address + offset, source[offset : offset + size], session.threads)

    return Command(
        name=f"upload to 0x{address:x}",
        size_bytes=source.size,
        cost_at=lambda ratio: _over_link(session, source.size, True, is_hbm),
        move=move,
        rx_bytes=source.size,
        lane=0,
        moves_host_data=True,
    )


def download_command(session: Session, destination: Bytes, address: int) -> Command:
    """To the host; `destination` is contiguous."""
    memory = session.memory_at(address)
    is_hbm = memory is session.hbm

    def move(offset: int, size: int) -> None:
        memory.read(address + offset, destination[offset : offset + size], session.threads)

    return Command(
        name=f"download from 0x{address:x}",
        size_bytes=destination.size,
        cost_at=lambda ratio: _over_link(session, destination.size, False, is_hbm),
        move=move,
        tx_bytes=destination.size,
        lane=1,
        moves_host_data=True,
    )


def copy_command(
    session: Session, destination: int, source: int, size_bytes: int, engine: EngineClass, channels: int | None
) -> Command:
    """Within the card. LaunchError for ranges that overlap and for channels that the card does not have."""
    target, origin = session.memory_at(destination), session.memory_at(source)
    if target is origin and abs(destination - source) < size_bytes:
        raise LaunchError(f"a copy of {size_bytes} bytes from 0x{source:x} to 0x{destination:x}, which overlap")
    try:
        work = command_copy_work(
            size_bytes, session.spec, engine, channels, origin is session.hbm, target is session.hbm
        )
    except ValueError as error:
        raise LaunchError(str(error)) from error

    def move(offset: int, size: int) -> None:
        if target is origin:
            target.copy(destination + offset, source + offset, size, session.threads)
        else:
            _cross(target, destination + offset, origin, source + offset, size)

    return Command(
        name=f"{engine.name} copy from 0x{source:x}",
        size_bytes=size_bytes,
        cost_at=lambda ratio: operation_cost(work, session.spec_now(), ratio),
        move=move,
    )


def fill_command(session: Session, address: int, size_bytes: int, pattern: Pattern, engine: EngineClass) -> Command:
    """Each word by its own address."""
    memory = session.memory_at(address)
    work = command_fill_work(size_bytes, session.spec, engine, memory is session.hbm)

    def move(offset: int, size: int) -> None:
        memory.fill(address + offset, size, pattern, session.threads)

    return Command(
        name=f"{engine.name} fill of 0x{address:x}",
        size_bytes=size_bytes,
        cost_at=lambda ratio: operation_cost(work, session.spec_now(), ratio),
        move=move,
    )


def check_command(session: Session, address: int, size_bytes: int, pattern: Pattern, most: int, shift: int) -> Command:
    """Read by the TPC and compared there with what a fill at address + shift writes. LaunchError in model mode, where
    there is nothing to compare."""
    if session.is_paced:
        raise LaunchError("model mode computes nothing, so there is nothing to check; acquire the card in compute mode")
    memory = session.memory_at(address)
    work = command_read_work(size_bytes, session.spec, memory is session.hbm)
    left = most

    def move(offset: int, size: int) -> Mismatches:
        nonlocal left
        found = memory.check(address + offset, size, pattern, left, session.threads, shift)
        left -= len(found.first)
        return found

    return Command(
        name=f"TPC read of 0x{address:x}",
        size_bytes=size_bytes,
        cost_at=lambda ratio: operation_cost(work, session.spec_now(), ratio),
        move=move,
    )


def _over_link(session: Session, size_bytes: int, is_upload: bool, is_hbm: bool) -> OperationCost:
    """With the generation and width to which the link is trained now."""
    reading = session.card.read()
    return pcie_cost(size_bytes, session.spec_now(), reading.pcie_generation, reading.pcie_width, is_upload, is_hbm)


def _cross(target: FaultyMemory, destination: int, origin: FaultyMemory, source: int, size: int) -> None:
    buffer = np.empty(min(size, _BUFFER_BYTES), np.uint8)
    for offset in range(0, size, _BUFFER_BYTES):
        part = buffer[: min(_BUFFER_BYTES, size - offset)]
        origin.read(source + offset, part)
        target.write(destination + offset, part)
