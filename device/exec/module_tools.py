"""lsmod, modprobe and rmmod as programs under `gaudi-box exec` find them: habanalabs is the driver of the box.

Texts and exit statuses are those of kmod. Other modules are the host's: the real tool is asked if there is one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from device._device import ffi, lib
from device.box_control import set_driver
from device.card import Box
from device.errors import DeviceError
from device.sysfs.module import PARAMETERS

__all__ = ["PARAMETERS_FILE", "main", "read_parameters"]

# Beside the box, written by modprobe and read by the keeper of the view.
PARAMETERS_FILE = ".modprobe"
_BOX = Path("/run/gaudi/default")
_MODULE = Path("/sys/module/habanalabs")
_PATIENCE_S = 5.0  # twenty periods of the view
_KMOD = ("/usr/bin/kmod", "/bin/kmod")
# Modules of the driver's network part come and go with it.
_OURS = ("habanalabs", "habanalabs_cn", "habanalabs_en", "habanalabs_ib", "habanalabs_compat")


def main(tool: str, words: Sequence[str]) -> int:
    """`tool` is lsmod, modprobe or rmmod; the exit status."""
    if tool == "lsmod":
        return _lsmod()
    options = [word for word in words if word.startswith("-")]
    names = [word for word in words if not word.startswith("-")]
    is_removal = tool == "rmmod" or any(word in ("-r", "--remove") for word in options)
    modules = names if is_removal else names[:1]
    if not modules or any(name.replace("-", "_") not in _OURS for name in modules):
        return _host_tool(tool, words)
    if is_removal:
        return _unload(tool, modules)
    return _load(dict(_assignment(word) for word in names[1:]))


def read_parameters(path: Path) -> dict[str, str]:
    """What modprobe left; empty if it was never run. Bounded, since every program may write there."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(4096)
    except OSError:
        return {}
    return {name: value for name, value in map(_assignment, text.splitlines()) if name in PARAMETERS}


def _assignment(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name, value


def _lsmod() -> int:
    try:
        lines = Path("/proc/modules").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # a kernel without modules
        lines = []
    if not any(line.startswith("habanalabs ") for line in lines):
        lines = [*_from_sysfs(), *lines]
    print("Module                  Size  Used by")
    for line in lines:
        name, size, users, holders = line.split()[:4]
        print(f"{name:<19} {size:>8}  {users}{'' if holders == '-' else ' ' + holders.rstrip(',')}")
    return 0


def _from_sysfs() -> list[str]:
    try:
        return [f"habanalabs {(_MODULE / 'coresize').read_text().strip()} {(_MODULE / 'refcnt').read_text().strip()} -"]
    except OSError:
        return []


def _unload(tool: str, modules: Sequence[str]) -> int:
    prefix = "rmmod: ERROR:" if tool == "rmmod" else "modprobe: FATAL:"
    name = modules[0]
    if not _is_loaded():
        if tool == "modprobe":
            return 0  # as the real one: nothing is left to do
        print(f"{prefix} Module {name} is not currently loaded", file=sys.stderr)
        return 1
    if _is_held():
        print(f"{prefix} Module {name} is in use{'.' if tool == 'modprobe' else ''}", file=sys.stderr)
        return 1
    return _switch(False, f"{prefix} could not remove module {name}: Operation not permitted")


def _load(parameters: Mapping[str, str]) -> int:
    if _is_loaded():
        return 0
    unknown = next((name for name in parameters if name not in PARAMETERS), None)
    if unknown is not None:
        # The kernel only warns of it, in its log; the module is loaded all the same.
        print(f"habanalabs: unknown parameter '{unknown}' ignored", file=sys.stderr)
    text = "".join(f"{name}={value}\n" for name, value in parameters.items() if name in PARAMETERS)
    with contextlib.suppress(OSError):  # another user's view: his parameters stay
        (_BOX.parent / PARAMETERS_FILE).write_text(text, encoding="utf-8")
    return _switch(True, "modprobe: ERROR: could not insert 'habanalabs': Operation not permitted")


def _switch(is_loaded: bool, refusal: str) -> int:
    try:
        set_driver(_BOX, is_loaded)
    except DeviceError:
        print(refusal, file=sys.stderr)
        return 1
    _wait_for_view(is_loaded)
    return 0


def _wait_for_view(is_loaded: bool) -> None:
    """Who calls modprobe relies on the files being there when it is over; the view follows within a period."""
    end = time.monotonic() + _PATIENCE_S
    while not _is_shown(is_loaded) and time.monotonic() < end:
        time.sleep(0.02)


def _is_shown(is_loaded: bool) -> bool:
    """By what the view makes last and takes away last."""
    if is_loaded:
        return (_MODULE / "parameters" / list(PARAMETERS)[-1]).exists()
    return not any(path.exists() for path in (_MODULE, Path("/sys/class/accel"), Path("/sys/class/habanalabs")))


def _is_loaded() -> bool:
    raw = ffi.new("gaudi_box **")
    code = lib.gaudi_box_open_path(raw, os.fsencode(_BOX), False, ffi.NULL)
    if code == 0:
        lib.gaudi_box_close(raw[0])
    return bool(code != -errno.ENODEV)


def _is_held() -> bool:
    """Whether a process holds a card of the box."""
    with Box.open(_BOX, for_writing=False) as box:
        processes = ffi.new("gaudi_processes *")
        for card in box.cards:
            card.check(lib.gaudi_card_read_processes(card.c_object, processes))
            if processes.count:
                return True
    return False


def _host_tool(tool: str, words: Sequence[str]) -> int:
    for path in _KMOD:
        if os.access(path, os.X_OK):
            os.execv(path, [tool, *words])
    name = next((word for word in words if not word.startswith("-")), "")
    print(f"{tool}: ERROR: only habanalabs is known here, not {name!r}, and kmod is not installed", file=sys.stderr)
    return 1
