"""What all parts of an acquired card share: state, memory, faults, time lines, activity, and whether it still lives.

Made by Card, used by streams and launches.
"""

from __future__ import annotations

import contextlib
import enum
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from device.card import Box, CardState, CardStatus, Pulse
from device.engines import ExecutionOptions
from device.errors import CardLostError, DeviceError, DeviceResetError, LaunchError
from device.faults import FaultGate
from device.memory import DeviceMemory, FaultyMemory, Range, read_host_limits
from device.runtime.activity import Activity
from device.runtime.memory_faults import MemoryFaults
from device.runtime.pending import Pending
from device.runtime.real_paths import RealPaths
from device.runtime.sram import Sram
from device.runtime.time_lines import TimeLines
from device.spec import AsicSpec, load_spec

__all__ = ["Access", "ExecutionMode", "Session", "SessionOptions", "why_out_of_service"]

# How often somebody who waits looks whether the card was reset or lost.
_LOOK_S = 0.1


class ExecutionMode(enum.StrEnum):
    """COMPUTE carries out every operation; MODEL computes nothing and takes as much box time as device time."""

    COMPUTE = "compute"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """`memory_budget_bytes` limits the host memory behind the device memory; None: only the host does."""

    mode: ExecutionMode
    execution: ExecutionOptions
    memory_budget_bytes: int | None


@dataclass(frozen=True, slots=True)
class Access:
    """What a step of a launch reads and writes."""

    hbm_reads: tuple[Range, ...]
    hbm_writes: tuple[Range, ...]
    sram_reads: tuple[Range, ...]
    sram_writes: tuple[Range, ...]


def why_out_of_service(card: CardState, pulse: Pulse) -> str:
    """The rest of a sentence about a card that is not operational."""
    match pulse.status:
        case CardStatus.NEEDS_RESET:
            return "needs a reset, see `gaudi-box dmesg` for the cause; reset it and acquire it again"
        case CardStatus.MALFUNCTION if card.read().is_shut_down:
            return f"has shut down for heat, its die is at {pulse.die_c:.0f} C; let it cool and reset it"
        case CardStatus.MALFUNCTION:
            return "is disabled, see `gaudi-box dmesg` for the cause; reset it and acquire it again"
    return "is in reset; acquire it when it is operational again"


class Session:
    """Of one held card. Any thread may call anything but `close`."""

    def __init__(self, box: Box, card: CardState, options: SessionOptions) -> None:
        self.box = box
        self.card = card
        self.options = options
        self.spec: AsicSpec = load_spec(card.identity.family)
        self.faults = FaultGate(card)
        self.time_lines = TimeLines(self.spec.launch.gap_ns * 1e-9)
        self._who = f"card {card.index} ({card.identity.serial})"
        self._broken: DeviceError | None = None
        self._reset_count = card.pulse().reset_count
        self._real_paths = RealPaths(box.path, card.index)
        reserved = card.identity.memory_reserved_bytes
        limits = partial(read_host_limits, options.memory_budget_bytes)
        self.memory = DeviceMemory(
            base=self.spec.hbm.base_address + reserved,
            size_bytes=card.identity.memory_total_bytes - reserved,
            limits=limits,
            publish=self._publish_memory,
        )
        self._broken_memory = broken = MemoryFaults(card, self.faults, self.spec)
        self._slowed: dict[float, AsicSpec] = {}
        self.hbm = FaultyMemory(self.memory, broken.hbm_cells, broken.strikes)
        """The same memory as engines and copies find it."""
        self.sram = Sram(self.spec.sram, limits)
        scratchpad = self.sram.memory
        self.scratchpad: FaultyMemory | None = None
        if scratchpad is not None:
            self.scratchpad = FaultyMemory(scratchpad, broken.sram_cells, broken.strikes)
        self.activity = Activity(card)

    def memory_at(self, address: int) -> FaultyMemory:
        """LaunchError for an address of no memory."""
        if self.hbm.contains(address):
            return self.hbm
        if self.scratchpad is not None and self.scratchpad.contains(address):
            return self.scratchpad
        raise LaunchError(f"0x{address:x} is no allocated device memory")

    @contextlib.contextmanager
    def accessed(self, access: Access) -> Iterator[None]:
        """Around a step of a launch, if the card has faults. EccError."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.hbm.operation(access.hbm_reads, access.hbm_writes))
            if self.scratchpad is not None:
                stack.enter_context(self.scratchpad.operation(access.sram_reads, access.sram_writes))
            yield

    def spec_now(self) -> AsicSpec:
        """The ASIC as it is at present: with the bandwidth that the faults of its HBM leave."""
        share = self._broken_memory.bandwidth_share()
        if share == 1.0:
            return self.spec
        if share not in self._slowed:
            hbm = replace(self.spec.hbm, efficiency=self.spec.hbm.efficiency * share)
            self._slowed[share] = replace(self.spec, hbm=hbm)
        return self._slowed[share]

    @property
    def threads(self) -> int:
        """For one command."""
        return self.options.execution.threads

    @property
    def now_s(self) -> float:
        """Where the time lines stand: nothing that is submitted now begins earlier."""
        return self.box.now_ns() * 1e-9 if self.is_paced else self.time_lines.front_s

    @property
    def is_paced(self) -> bool:
        return self.options.mode is ExecutionMode.MODEL

    def raise_if_broken(self) -> None:
        """Once lost or reset, a session stays so: its memory is gone. Acquire the card again."""
        if self._broken is not None:
            raise type(self._broken)(str(self._broken))

    def pulse(self) -> Pulse:
        """The state of now. DeviceResetError, CardLostError."""
        self.raise_if_broken()
        pulse = self.card.pulse()
        if pulse.is_lost:
            self._broken = CardLostError(f"{self._who} does not answer any more; heal it or take the box up again")
        elif pulse.reset_count != self._reset_count:
            self._broken = DeviceResetError(f"{self._who} was reset, its memory is lost; acquire it again")
        self.raise_if_broken()
        return pulse

    def running_pulse(self) -> Pulse:
        """The same, and LaunchError if the driver or the heat has taken the card out of service."""
        pulse = self.pulse()
        if pulse.status != CardStatus.OPERATIONAL:
            raise LaunchError(f"{self._who} {why_out_of_service(self.card, pulse)}")
        return pulse

    def wait_behind_hang(self) -> None:
        """A command that never ends is in front: nothing runs until the driver gives up (LaunchError), somebody heals
        the card, or it is reset."""
        while self.faults.active("hang"):
            self.running_pulse()
            time.sleep(_LOOK_S)
            self.faults.refresh()

    def wait(self, pending: Pending) -> None:
        """Until it is done, or the card is lost or reset."""
        while not pending.wait(_LOOK_S):
            self.pulse()

    def wait_until(self, box_ns: int) -> None:
        """Box time; follows changes of its rate. DeviceResetError, CardLostError."""
        while (left_ns := box_ns - self.box.now_ns()) > 0:
            self.pulse()
            rate = self.box.clock_rate
            left_s = left_ns * 1e-9 / rate if rate > 0.0 else _LOOK_S
            time.sleep(min(left_s, _LOOK_S))

    def close(self) -> None:
        self._broken = self._broken or LaunchError(f"{self._who} was closed; acquire it again")
        self.activity.close()
        self.memory.close()
        self.sram.close()
        self._real_paths.close()

    def _publish_memory(self, used_bytes: int) -> None:
        """After a reset the card is somebody else's."""
        if self._broken is None:
            self.card.publish_memory(used_bytes)
            self._real_paths.publish(used_bytes)
