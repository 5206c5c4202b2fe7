"""An acquired card: the door of the runtime."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from device.card import Box, CardReading, CardState, CardStatus
from device.engines import ExecutionOptions
from device.errors import BoxError, DeviceResetError, LaunchError
from device.memory import Bytes
from device.runtime.buffer import DeviceBuffer
from device.runtime.session import ExecutionMode, Session, SessionOptions
from device.runtime.stream import Stream
from device.spec import AsicSpec

__all__ = ["Card"]

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
        self._session = Session(box, card, options)

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

    def malloc(self, size_bytes: int) -> DeviceBuffer:
        """OutOfDeviceMemoryError names what was needed and what is available. Contents are undefined."""
        self._session.raise_if_broken()
        return DeviceBuffer(self._session.memory.allocate(size_bytes), size_bytes)

    def free(self, buffer: DeviceBuffer) -> None:
        """LaunchError for a buffer that is not allocated (any more). No launch may still use it."""
        self._session.memory.free(buffer.address)

    def copy_to_device(self, buffer: DeviceBuffer, array: NDArray[Any], stream: Stream | None = None) -> None:
        """The bytes of `array` to the start of the buffer; at once, or in its turn on a stream, and then neither may
        change before the stream is synchronised."""
        source = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        self._copy(self._view(buffer, source.size), source, True, stream)

    def copy_from_device(self, buffer: DeviceBuffer, array: NDArray[Any], stream: Stream | None = None) -> None:
        """Fill `array`, which is contiguous, from the start of the buffer; at once, or in its turn on a stream."""
        if not array.flags.c_contiguous:
            raise LaunchError(f"copy into an array of shape {array.shape} that is not contiguous")
        destination = array.reshape(-1).view(np.uint8)
        self._copy(destination, self._view(buffer, destination.size), False, stream)

    def create_stream(self) -> Stream:
        stream = Stream(self._session, f"stream{len(self._streams)}")
        self._streams.append(stream)
        return stream

    def close(self) -> None:
        """Wait for the streams, give the memory back, release the card. A second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        for stream in self._streams:
            stream.close()
        self._streams.clear()
        self._session.close()
        self._state.release()
        if self._owns_box:
            self._box.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _view(self, buffer: DeviceBuffer, size_bytes: int) -> Bytes:
        if size_bytes > buffer.size_bytes:
            raise LaunchError(f"a copy of {size_bytes} bytes and a buffer of {buffer.size_bytes}")
        return self._session.memory.resolve(buffer.address, size_bytes)

    def _copy(self, destination: Bytes, source: Bytes, is_upload: bool, stream: Stream | None) -> None:
        if stream is None:
            self._session.copy(destination, source, is_upload)
        else:
            stream.copy(destination, source, is_upload)


def _held(card: CardState) -> CardState:
    card.acquire()
    try:
        pulse = card.pulse()
        if pulse.status == CardStatus.IN_RESET:
            raise DeviceResetError(f"card {card.index} is in reset; acquire it when it is operational again")
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
