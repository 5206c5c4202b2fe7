"""`gaudi-box exec`: stays the parent of the program, refreshes what it sees, passes on signals and its exit status."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from device.card import Box
from device.errors import BoxError, DeviceError
from device.exec.mounts import BOX_PATH, Mounts
from device.exec.visible import visible_cards, visible_environment
from device.sysfs.command import existing_box
from device.sysfs.live import REFRESH_S

__all__ = ["run_exec"]

_NOT_FOUND, _NOT_EXECUTABLE, _BY_SIGNAL = 127, 126, 128  # exit statuses, as shells have them
# What a program may be told through its parent. Others end or stop the parent itself, as they should.
_PASSED = (
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH,
    signal.SIGALRM, signal.SIGCONT, signal.SIGTSTP,
)  # fmt: skip
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
_LIBRARY = "/usr/lib/habanalabs"
_MOST_TOLD = 10  # different errors of refreshing


def run_exec(command: Sequence[str], devices: Sequence[int] | None) -> int:
    """Run `command` with the box of the environment before its eyes; its exit status, 128 + n for signal n.

    `devices` are the cards of --devices, None if it is not given. BoxError: a right is missing; nothing was started.
    """
    box = existing_box()
    with Box.open(box, for_writing=False) as opened:
        modules = [card.identity.module_id for card in opened.cards]
    visible = visible_cards(modules, devices, os.environ)
    environment = _environment(os.environ, visible_environment(visible, modules), box)
    only = None if visible.is_all else frozenset(visible.indices)
    here = os.open(".", os.O_PATH | os.O_CLOEXEC)
    mounts = Mounts(box, only, _package(), _report)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*_PASSED, signal.SIGCHLD})
    try:
        return _watch(_start(command, environment, here, before), mounts)
    finally:
        with contextlib.suppress(OSError):  # the namespace ends anyway
            mounts.close()


def _report(line: str) -> None:
    print(f"gaudi-box: {line}", file=sys.stderr, flush=True)


def _package() -> Path:
    found = importlib.util.find_spec("hlml")
    places = found.submodule_search_locations if found is not None else None
    for place in places or ():
        if (Path(place) / "lib/libhlml.so").exists():
            return Path(place)
    raise BoxError("libhlml.so of this installation is missing; install gaudi-box again")


def _environment(before: Mapping[str, str], visible: Mapping[str, str], box: Path) -> dict[str, str]:
    """The box is found at its real path; one that belongs to somebody else is trusted only by name."""
    environment = {**before, **visible}
    environment.pop("GAUDI_BOX", None)
    if box.stat().st_uid not in (0, os.geteuid()):
        environment["GAUDI_BOX"] = str(BOX_PATH)
    path = environment.get("LD_LIBRARY_PATH")
    environment["LD_LIBRARY_PATH"] = f"{path}:{_LIBRARY}" if path else _LIBRARY
    return environment


def _start(command: Sequence[str], environment: Mapping[str, str], here: int, mask: set[signal.Signals | int]) -> int:
    """The process id of the program. BoxError never: what cannot be started ends with 126 or 127."""
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        # Without its parent the program would look at values that nobody refreshes.
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, int(signal.SIGKILL))
        if os.getppid() != parent:
            os._exit(_NOT_FOUND)
        os.fchdir(here)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        _execute(command, environment)
    finally:
        os._exit(_NOT_FOUND)


def _execute(command: Sequence[str], environment: Mapping[str, str]) -> None:
    name = command[0]
    path = name if "/" in name else shutil.which(name, path=environment.get("PATH", os.defpath))
    if path is None:
        _report(f"{name}: there is no such program")
        os._exit(_NOT_FOUND)
    try:
        os.execve(path, list(command), dict(environment))
    except FileNotFoundError:
        _report(f"{name}: there is no such program, or its interpreter is missing")
        os._exit(_NOT_FOUND)
    except OSError as error:
        _report(f"{name}: {error.strerror}")
        os._exit(_NOT_EXECUTABLE)


def _watch(child: int, mounts: Mounts) -> int:
    """Until the program ends. Signals of the terminal reach it anyway, since it is in the same process group; those
    that somebody sent to this process are passed on."""
    told: set[str] = set()
    while True:
        found = signal.sigtimedwait({*_PASSED, signal.SIGCHLD}, REFRESH_S)
        if found is None:
            _refresh(mounts, told)
            continue
        if found.si_signo != signal.SIGCHLD:
            if found.si_code <= 0:  # by kill(2) and its like, not by the kernel
                _pass_on(child, found.si_signo)
            continue
        status = _reap(child)
        if status is not None:
            return status


def _refresh(mounts: Mounts, told: set[str]) -> None:
    """What goes wrong is said once and tried again; the program goes on."""
    try:
        mounts.refresh()
    except (OSError, DeviceError) as error:
        if str(error) not in told and len(told) < _MOST_TOLD:
            told.add(str(error))
            _report(f"what the program sees is not up to date: {error}")


def _pass_on(child: int, number: int) -> None:
    try:
        os.kill(child, number)
    except ProcessLookupError:
        return


def _reap(child: int) -> int | None:
    """The exit status of the program if it ended; stops with it if it was stopped, so that job control works."""
    while True:
        pid, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
        if pid == 0:
            return None
        if os.WIFSTOPPED(status):
            os.kill(os.getpid(), signal.SIGSTOP)
            os.kill(child, signal.SIGCONT)
        elif os.WIFSIGNALED(status):
            return _BY_SIGNAL + os.WTERMSIG(status)
        else:
            return os.WEXITSTATUS(status)
