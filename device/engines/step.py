"""What the engines share: a descriptor bound to memory, ready to run as often as wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from device.faults import FaultGate
from device.memory import Bytes
from device.recipe.descriptors import Operand

__all__ = ["ExecutionOptions", "MmeStep", "Operands", "Step"]

# The bytes of an operand.
Operands = Callable[[Operand], Bytes]


@dataclass(frozen=True, slots=True)
class ExecutionOptions:
    """`threads` is an upper bound per kernel; `variant` names an MME kernel, None takes the fastest one."""

    threads: int = 1
    variant: str | None = None


class Step(Protocol):
    """`node` is the graph's name for it. Those of the MME also have a `toggle_rate`."""

    node: str

    def run(self, faults: FaultGate) -> None:
        """LaunchError if the engine cannot finish. One thread at a time."""


@runtime_checkable
class MmeStep(Step, Protocol):
    """A step of the MME."""

    def toggle_rate(self) -> float:
        """How many bits of its operands, as they lie in memory now, differ from their neighbours', 0..1."""
