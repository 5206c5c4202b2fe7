"""An acquired card: the door of the runtime."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from device.card import Box, CardReading, CardState, CardStatus
from device.engine_class import EngineClass
from device.engines import ExecutionOptions
from device.errors import BoxError, CardLostError, DeviceResetError, LaunchError
from device.memory import Pattern
from device.recipe import Recipe
from device.runtime.buffer import DeviceBuffer, MemorySpace
from device.runtime.commands import check_command, copy_command, download_command, fill_command, upload_command
from device.runtime.executable import Executable
from device.runtime.network import Network
from device.runtime.session import ExecutionMode, Session, SessionOptions, why_out_of_service
from device.runtime.stream import Stream, submitted
from device.runtime.transfer import Command, Transfer
from device.spec import AsicSpec

__all__ = ["Card"]

# How often somebody who waits for the end of a reset looks.
_LOOK_S = 0.05

# More threads for one kernel are no default: the next card of the box wants to run too.
_DEFAULT_THREADS = 2


class Card:
    """Exclusive until `close` or the end of the process. Any thread may use it; each stream belongs to one thread."""

    def __init__(self, box: Box, card: CardState, options: SessionOptions, owns_box: bool) -> None:
        self._box = box
        self._state = card
        self._owns_box = owns_box
        self._is_closed = False
        self._streams: list[Stream] = []
        self._network: Network | None = None
        try:
            self._session = Session(box, card, options)
        except BaseException:
            card.release()
            raise

    @classmethod
    def acquire(
        cls,
        index: int,
        box: Box | Path | str | None = None,
        *,
        mode: ExecutionMode = ExecutionMode.COMPUTE,
        threads: int | None = None,
        memory_budget_bytes: int | None = None,
    ) -> Card:
        """Hold card `index` of a box; None means the box of the environment. CardBusyError names who holds it.

        `threads` is the most that one kernel uses, by default $GAUDI_HOST_THREADS or two; `memory_budget_bytes` limits
        the host memory behind the card's, by default to $GAUDI_MEMORY_BUDGET.
        """
        options = SessionOptions(
            mode=mode,
            execution=ExecutionOptions(threads=_threads() if threads is None else threads),
            memory_budget_bytes=_number("GAUDI_MEMORY_BUDGET") if memory_budget_bytes is None else memory_budget_bytes,
        )
        opened = box if isinstance(box, Box) else Box.open(box)
        try:
            return cls(opened, _held(opened.card(index)), options, owns_box=opened is not box)
        except BaseException:
            if opened is not box:
                opened.close()
            raise

    @property
    def index(self) -> int:
        return self._state.index

    @property
    def serial(self) -> str:
        return self._state.identity.serial

    @property
    def spec(self) -> AsicSpec:
        return self._session.spec

    @property
    def mode(self) -> ExecutionMode:
        return self._session.options.mode

    def read(self) -> CardReading:
        """What the card shows now. CardLostError if the box is gone."""
        return self._state.read()

    def box_time_ns(self) -> int:
        return self._box.now_ns()

    def malloc(self, size_bytes: int, space: MemorySpace = MemorySpace.HBM, *, is_sparse: bool = False) -> DeviceBuffer:
        """OutOfDeviceMemoryError names what was needed and what is available. Contents are undefined.

        A sparse buffer may be larger than the host: it takes host memory only for what is not a pattern that `fill`
        wrote, and for what recipes use.
        """
        self._session.raise_if_broken()
        memory = self._session.memory if space is MemorySpace.HBM else self._session.sram.memory
        if memory is None:
            raise LaunchError(f"the SRAM of a {self.spec.name} is a cache and has no addresses")
        return DeviceBuffer(memory.allocate(size_bytes, is_sparse), size_bytes)

    def free(self, buffer: DeviceBuffer) -> None:
        """LaunchError for a buffer that is not allocated (any more). No launch may still use it."""
        self._session.memory_at(buffer.address).memory.free(buffer.address)

    @property
    def largest_free_bytes(self) -> int:
        """Of the HBM, in one piece."""
        return self._session.memory.largest_free_bytes

    def copy_to_device(self, buffer: DeviceBuffer, array: NDArray[Any], stream: Stream | None = None) -> Transfer:
        """The bytes of `array` to the start of the buffer; at once, or in its turn on a stream, and then neither may
        change before the stream is synchronised."""
        source = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        self._check_size(buffer, source.size)
        return self._do(upload_command(self._session, buffer.address, source), stream)

    def copy_from_device(self, buffer: DeviceBuffer, array: NDArray[Any], stream: Stream | None = None) -> Transfer:
        """Fill `array`, which is contiguous, from the start of the buffer; at once, or in its turn on a stream.
        EccError."""
        if not array.flags.c_contiguous:
            raise LaunchError(f"copy into an array of shape {array.shape} that is not contiguous")
        destination = array.reshape(-1).view(np.uint8)
        self._check_size(buffer, destination.size)
        return self._do(download_command(self._session, destination, buffer.address), stream)

    def copy(
        self,
        destination: DeviceBuffer,
        source: DeviceBuffer,
        stream: Stream | None = None,
        *,
        engine: EngineClass = EngineClass.DMA,
        channels: int | None = None,
    ) -> Transfer:
        """All of `source` to the start of `destination`, by the DMA with so many of its engines (None: all) or by the
        TPC. EccError."""
        self._check_size(destination, source.size_bytes)
        command = copy_command(self._session, destination.address, source.address, source.size_bytes, engine, channels)
        return self._do(command, stream)

    def fill(
        self,
        buffer: DeviceBuffer,
        pattern: Pattern,
        stream: Stream | None = None,
        *,
        engine: EngineClass = EngineClass.DMA,
    ) -> Transfer:
        """Every word gets what the pattern has at its address; sizes are multiples of 8 bytes."""
        return self._do(fill_command(self._session, buffer.address, buffer.size_bytes, pattern, engine), stream)

    def check(
        self,
        buffer: DeviceBuffer,
        pattern: Pattern,
        stream: Stream | None = None,
        *,
        most: int = 8,
        origin: DeviceBuffer | None = None,
    ) -> Transfer:
        """Read the buffer by the TPC and compare it with the pattern as it was filled into it, or into the `origin`
        from which it was copied; the result has the mismatches, `most` of them with address and values. EccError."""
        shift = 0 if origin is None else origin.address - buffer.address
        command = check_command(self._session, buffer.address, buffer.size_bytes, pattern, most, shift)
        return self._do(command, stream)

    def reset(self) -> None:
        """Hard reset, and wait until the card is operational again, in box time. Buffers, streams and network are
        gone, work in flight ends with DeviceResetError. BoxError for who may not reset it; CardBusyError if somebody
        else was faster to hold the card that a reset takes from its holder."""
        self._state.reset()
        self._end_session()
        self._state.release()
        self._state.acquire()
        while self._state.pulse().status == CardStatus.IN_RESET:
            time.sleep(_LOOK_S)
        self._session = Session(self._box, self._state, self._session.options)

    def load(self, recipe: Recipe) -> Executable:
        """The recipe with a buffer for each of its tensors, to be called with numpy arrays."""
        return Executable(self, recipe)

    def create_stream(self) -> Stream:
        stream = Stream(self._session, f"stream{len(self._streams)}")
        self._streams.append(stream)
        return stream

    @property
    def network(self) -> Network:
        """The NIC, opened at the first call. LaunchError in model mode."""
        if self._network is None:
            self._session.raise_if_broken()
            self._network = Network(self._session)
        return self._network

    def close(self) -> None:
        """Wait for the streams, give the memory back, release the card. A second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        self._end_session()
        self._state.release()
        if self._owns_box:
            self._box.close()

    def _end_session(self) -> None:
        for stream in self._streams:
            stream.close()
        self._streams.clear()
        if self._network is not None:
            self._network.close()
            self._network = None
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_size(self, buffer: DeviceBuffer, size_bytes: int) -> None:
        if size_bytes > buffer.size_bytes:
            raise LaunchError(f"a copy of {size_bytes} bytes and a buffer of {buffer.size_bytes}")

    def _do(self, command: Command, stream: Stream | None) -> Transfer:
        if stream is not None:
            return stream.command(command)
        self._session.raise_if_broken()
        transfer = Transfer(self._session, command, submitted(self._session, command, ()))
        transfer.run_now()
        return transfer


def _held(card: CardState) -> CardState:
    card.acquire()
    try:
        pulse = card.pulse()
        if pulse.is_lost:
            raise CardLostError(f"card {card.index} does not answer any more; heal it or take the box up again")
        if pulse.status != CardStatus.OPERATIONAL:
            kind = DeviceResetError if pulse.status == CardStatus.IN_RESET else LaunchError
            raise kind(f"card {card.index} {why_out_of_service(card, pulse)}")
    except BaseException:
        card.release()
        raise
    return card


def _threads() -> int:
    return _number("GAUDI_HOST_THREADS") or min(len(os.sched_getaffinity(0)), _DEFAULT_THREADS)


def _number(variable: str) -> int | None:
    text = os.environ.get(variable)
    if not text:
        return None
    if not text.isdigit() or int(text) < 1:
        raise BoxError(f"{variable}={text}; expected a whole number of 1 or more")
    return int(text)
