"""A program that uses libhlml through ctypes alone, as a subprocess that answers line by line.

    python -P hlml_client.py LIBRARY     then on standard input:  init | shutdown | look | wait MS | env NAME VALUE

`look` asks card 0 for name, power, temperature, memory and energy. Each line is answered by one line of return codes.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

__all__ = ["HlmlClient"]

SUCCESS, UNINITIALIZED, INVALID_ARGUMENT, DRIVER_NOT_LOADED, TIMEOUT, LOST, UNKNOWN = 0, 1, 2, 9, 10, 15, 49


class HlmlClient:
    """The client process, from outside. `prefix` may put it into namespaces of its own."""

    def __init__(self, library: Path, env: Mapping[str, str], prefix: Sequence[str] = ()) -> None:
        command = [*prefix, sys.executable, "-P", __file__, str(library)]
        self._process = subprocess.Popen(
            command, env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def __enter__(self) -> HlmlClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        status = self._process.wait()
        self._process.stdout.close()
        assert status == 0 or kind is not None, f"the client ended with status {status}"

    def ask(self, line: str) -> list[int]:
        """The codes that it answers; fails if it died instead."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        answer = self._process.stdout.readline()
        assert answer, f"the client died of {line!r}: status {self._process.wait()}"
        return [int(word) for word in answer.split()]


device = ctypes.c_void_p()  # kept from look to look, as monitors do


def _look(library: ctypes.CDLL) -> list[int]:
    number, big = ctypes.c_uint(), (ctypes.c_uint64 * 16)()
    codes = [library.hlml_device_get_handle_by_index(0, ctypes.byref(device))]
    name = ctypes.create_string_buffer(64)
    codes.append(library.hlml_device_get_name(device, name, 64))
    codes.append(library.hlml_device_get_power_usage(device, ctypes.byref(number)))
    codes.append(library.hlml_device_get_temperature(device, 0, ctypes.byref(number)))
    codes.append(library.hlml_device_get_memory_info(device, big))
    codes.append(library.hlml_device_get_total_energy_consumption(device, big))
    return codes


def _answer(library: ctypes.CDLL, words: list[str]) -> list[int]:
    if words[0] == "init":
        return [library.hlml_init()]
    if words[0] == "shutdown":
        return [library.hlml_shutdown()]
    if words[0] == "env":
        os.environ[words[1]] = words[2]
        return [0]
    if words[0] == "wait":
        handle, data = ctypes.c_void_p(), (ctypes.c_uint64 * 2)()
        code = library.hlml_event_set_create(ctypes.byref(handle))
        return [code, library.hlml_event_set_wait(handle, data, int(words[1]))]
    return _look(library)


def _serve() -> None:
    library = ctypes.CDLL(sys.argv[1])
    for line in sys.stdin:
        print(*_answer(library, line.split()), flush=True)


if __name__ == "__main__":
    _serve()
