"""The door of the runtime, and that the compiler is not behind it."""

from __future__ import annotations

import subprocess
import sys

import device.runtime


def test_the_public_names_are_these() -> None:
    assert sorted(device.runtime.__all__) == [
        "Card",
        "DeviceBuffer",
        "Event",
        "Executable",
        "ExecutionMode",
        "Launch",
        "LaunchResult",
        "MemorySpace",
        "Network",
        "Stream",
        "Transfer",
        "TransferResult",
    ]


def test_the_runtime_does_not_load_the_compiler() -> None:
    code = "import sys, device.runtime; print([name for name in sys.modules if name.startswith('device.graph')])"
    result = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
