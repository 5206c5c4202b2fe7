"""Errors of the emulated device, for every room of device/ and for the tools above it.

    DeviceError                    1   anything below
      SpecError                    3   a file of ASIC facts is missing, incomplete or contradicts itself
      BoxError                     4   a server description or the box made from it
      GraphError                   5   a graph that the device cannot compile
      RecipeError                  6   a recipe that is foreign, damaged, too new or inconsistent
      CardBusyError                7   somebody else holds the card
      OutOfDeviceMemoryError       8   neither device memory nor the host memory behind it is left
      DeviceResetError             9   the card was reset while work was in flight
      CardLostError               10   the card does not answer any more
      LaunchError                 11   a launch with wrong tensors, or one that the engines could not finish
      EccError                    12   an access met memory that its error correcting code cannot correct
      FabricError                 13   a queue pair, memory region or work request that the NIC refuses, or a failed one

The numbers are the exit statuses of a tool that ends because of the error; 2 stays free for usage errors.
A message says what was found, what was expected and, where somebody can do something, what to do.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "BoxError",
    "CardBusyError",
    "CardLostError",
    "DeviceError",
    "DeviceResetError",
    "EccError",
    "FabricError",
    "GraphError",
    "LaunchError",
    "OutOfDeviceMemoryError",
    "RecipeError",
    "SpecError",
]


class DeviceError(Exception):
    """Root of the tree; tools catch this one and exit with `exit_status`."""

    exit_status: ClassVar[int] = 1


class SpecError(DeviceError):
    """A file of ASIC facts cannot be used; the message names file, key and reason."""

    exit_status = 3


class BoxError(DeviceError):
    """A server description, or the box made from it, cannot be used."""

    exit_status = 4


class GraphError(DeviceError):
    """A graph is not legal; the message names node and tensor."""

    exit_status = 5


class RecipeError(DeviceError):
    """A recipe is foreign, damaged, too new or inconsistent in itself."""

    exit_status = 6


class CardBusyError(DeviceError):
    """Another process holds the card; pid and comm of the holder are for display only."""

    exit_status = 7

    def __init__(self, pid: int, comm: str) -> None:
        super().__init__(f"the card is held by process {pid} ({comm}); wait for it to end, or choose another card")
        self.pid = pid
        self.comm = comm


class OutOfDeviceMemoryError(DeviceError):
    """An allocation does not fit; the message gives what was asked for and what is left."""

    exit_status = 8


class DeviceResetError(DeviceError):
    """The card was reset while this work was in flight; its memory is lost."""

    exit_status = 9


class CardLostError(DeviceError):
    """The card fell off the bus; only making the box anew brings it back."""

    exit_status = 10


class LaunchError(DeviceError):
    """A launch with missing or unsuitable tensors, or one that the engines could not finish."""

    exit_status = 11


class EccError(DeviceError):
    """An access met an uncorrectable memory error at `address`; it did not end, what it wrote is undefined."""

    exit_status = 12

    def __init__(self, message: str, address: int) -> None:
        super().__init__(message)
        self.address = address


class FabricError(DeviceError):
    """The NIC refuses a call, or a work request that had to succeed did not; the message names what and why."""

    exit_status = 13
