"""The errors of this package, one tree:

HlmlError                      any return code of HLML; .code is the number
+-- UninitializedError         init() was not called
+-- InvalidArgumentError
+-- NotSupportedError          this card or this release does not have it
+-- AlreadyInitializedError
+-- NotFoundError
+-- InsufficientSizeError
+-- DriverNotLoadedError       the box is down, or its driver is unloaded
+-- WaitTimeoutError
+-- DeviceLostError            the card fell off the bus, or its box was taken down
+-- BoxError                   the state of the box cannot be read; the text says what to do
"""

from __future__ import annotations

import enum

__all__ = [
    "AlreadyInitializedError",
    "BoxError",
    "DeviceLostError",
    "DriverNotLoadedError",
    "HlmlError",
    "InsufficientSizeError",
    "InvalidArgumentError",
    "NotFoundError",
    "NotSupportedError",
    "ReturnCode",
    "UninitializedError",
    "WaitTimeoutError",
    "error_of",
]


class ReturnCode(enum.IntEnum):
    """hlml_return_t, the same in all releases."""

    SUCCESS = 0
    UNINITIALIZED = 1
    INVALID_ARGUMENT = 2
    NOT_SUPPORTED = 3
    ALREADY_INITIALIZED = 5
    NOT_FOUND = 6
    INSUFFICIENT_SIZE = 7
    DRIVER_NOT_LOADED = 9
    TIMEOUT = 10
    AIP_IS_LOST = 15
    MEMORY = 20
    NO_DATA = 21
    UNKNOWN = 49


class HlmlError(Exception):
    """An HLML call failed."""

    code = ReturnCode.UNKNOWN


class UninitializedError(HlmlError):
    code = ReturnCode.UNINITIALIZED


class InvalidArgumentError(HlmlError):
    code = ReturnCode.INVALID_ARGUMENT


class NotSupportedError(HlmlError):
    code = ReturnCode.NOT_SUPPORTED


class AlreadyInitializedError(HlmlError):
    code = ReturnCode.ALREADY_INITIALIZED


class NotFoundError(HlmlError):
    code = ReturnCode.NOT_FOUND


class InsufficientSizeError(HlmlError):
    code = ReturnCode.INSUFFICIENT_SIZE


class DriverNotLoadedError(HlmlError):
    code = ReturnCode.DRIVER_NOT_LOADED


class WaitTimeoutError(HlmlError):
    code = ReturnCode.TIMEOUT


class DeviceLostError(HlmlError):
    code = ReturnCode.AIP_IS_LOST


class BoxError(HlmlError):
    """The state of the box is missing, unreadable, foreign or corrupt."""

    code = ReturnCode.UNKNOWN


_BY_CODE: dict[int, type[HlmlError]] = {
    kind.code: kind
    for kind in (
        UninitializedError,
        InvalidArgumentError,
        NotSupportedError,
        AlreadyInitializedError,
        NotFoundError,
        InsufficientSizeError,
        DriverNotLoadedError,
        WaitTimeoutError,
        DeviceLostError,
    )
}


def error_of(code: int, what: str) -> HlmlError:
    """The exception for a return code; `what` names the call or the card."""
    kind = _BY_CODE.get(code, HlmlError)
    try:
        name = ReturnCode(code).name
    except ValueError:
        name = f"code {code}"
    return kind(f"{what}: {name.replace('_', ' ').lower()}")
