"""/dev/accel/accelN and accel_controlDN: character devices that can really be opened and held.

Without a driver no device number answers, and a plain file is no character device. The slave ends of pseudo terminals
in a devpts instance of our own are: each has a number and an inode of its own, so that lsof, fuser and monitors that
compare device numbers find who holds which card. Reading gives end of file, ioctl fails with ENOTTY. Numbers begin at
256, above the terminals that the host has open.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import termios
import tty
from collections.abc import Collection
from pathlib import Path

from device.exec.namespace import NO_SUID, bind, detach, mount

__all__ = ["Nodes"]

# TIOCGPTN and TIOCSPTLCK of asm-generic/ioctls.h: number of the slave, and its lock.
_GET_NUMBER, _SET_LOCK = 0x80045430, 0x40045431
_FIRST = 256


class Nodes:
    """Nodes below /dev. `directory` is where a devpts instance may be mounted. One thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        # Without its master a slave cannot be opened. Masters lie in a message that nobody receives: as descriptors of
        # this process lsof would take them for holders of the cards.
        self._keeping, self._kept = socket.socketpair()
        self._slaves: dict[Path, Path] = {}
        self._shown: set[Path] = set()
        mount("gaudi-box", str(directory), "devpts", NO_SUID, "newinstance,ptmxmode=0600,mode=0666")

    def update(self, wanted: Collection[Path]) -> None:
        """From now on these nodes are there, and no others. OSError: no pseudo terminals are left."""
        for path in self._shown - set(wanted):
            self._hide(path)
        missing = [path for path in wanted if path not in self._slaves]
        if missing:
            self._slaves |= dict(zip(missing, self._open_pairs(len(missing)), strict=True))
        for path in set(wanted) - self._shown:
            path.parent.mkdir(exist_ok=True)
            path.touch()
            bind(str(self._slaves[path]), str(path))
            self._shown.add(path)

    def _hide(self, path: Path) -> None:
        detach(str(path))
        path.unlink()
        self._shown.discard(path)
        with contextlib.suppress(OSError):  # not empty yet
            path.parent.rmdir()

    def _open_pairs(self, count: int) -> list[Path]:
        """The paths of `count` new slaves. Numbers are given from 0 on: low ones are taken, and given back."""
        low: list[tuple[int, int]] = []
        slaves: list[Path] = []
        try:
            while len(slaves) < count:
                master = os.open(self._directory / "ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
                number = struct.unpack("i", fcntl.ioctl(master, _GET_NUMBER, b"\0" * 4))[0]
                if number < _FIRST:
                    low.append((number, master))
                else:
                    slaves.append(self._prepare(number, master))
        except OSError:
            # Fewer terminals or open files are allowed here: low numbers have to do.
            while len(slaves) < count and low:
                slaves.append(self._prepare(*low.pop()))
            if len(slaves) < count:
                raise
        finally:
            for _, master in low:
                os.close(master)
        return slaves

    def _prepare(self, number: int, master: int) -> Path:
        fcntl.ioctl(master, _SET_LOCK, struct.pack("i", 0))
        tty.setraw(master)
        attributes = termios.tcgetattr(master)
        attributes[6][termios.VMIN] = attributes[6][termios.VTIME] = 0  # a read does not wait
        termios.tcsetattr(master, termios.TCSANOW, attributes)
        socket.send_fds(self._keeping, [b"m"], [master])
        os.close(master)
        return self._directory / str(number)
