"""What a held card leaves at the real paths: its nodes are open, and /dev/shm tells the memory in use.

Only the box that owns these paths does so: the system box, and any box inside `gaudi-box exec`; both lie at
/run/gaudi/default. Where /dev/accel exists but lacks the node of a card, that card is not visible to this process, as
in a container that was given others.

/dev/shm/mem_usage_accelN, as frameworks write it: version, time in seconds, bytes in use, 64 bits each.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import time
from pathlib import Path

from device.errors import BoxError

__all__ = ["REAL_BOX", "RealPaths"]

REAL_BOX = "/run/gaudi/default"
_VERSION = 1  # HLML_SHM_VERSION
# The header's update period is 10 s; half of it, so that one renewal may come late.
_PERIOD_S = 5.0
_MODE = 0o666


class RealPaths:
    """Of one held card, from now until `close`. Any thread may call `publish`."""

    def __init__(self, box_path: str, index: int, root: Path = Path("/")) -> None:
        self._nodes: list[int] = []
        self._shm: Path | None = None
        self._fd = -1
        self._used_bytes = 0
        self._lock = threading.Lock()
        self._end = threading.Event()
        if box_path != REAL_BOX:
            return
        self._open_nodes(root / "dev", index)
        self._open_shm(root / "dev/shm" / f"mem_usage_accel{index}")

    def publish(self, used_bytes: int) -> None:
        """Device memory in use, without what the driver keeps for itself."""
        with self._lock:
            self._used_bytes = used_bytes
            self._write()

    def close(self) -> None:
        """Close the nodes, remove the file. A second call does nothing."""
        self._end.set()
        with self._lock:
            for fd in self._nodes:
                os.close(fd)
            self._nodes.clear()
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1
        if self._shm is not None:
            self._shm.unlink(missing_ok=True)
            self._shm = None

    def _open_nodes(self, dev: Path, index: int) -> None:
        forms = ("accel/accel{}", "accel/accel_controlD{}")
        if not (dev / "accel").is_dir():
            forms = ("hl{}", "hl_controlD{}")  # drivers up to 1.12
            if not any(dev.glob("hl[0-9]*")):
                return  # a box whose nodes nobody made
        for form in forms:
            path = dev / form.format(index)
            try:
                self._nodes.append(os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY))
            except FileNotFoundError:
                self.close()
                raise BoxError(f"card {index} is not visible here: there is no {path}") from None
            except OSError as error:
                self.close()
                raise BoxError(f"card {index} cannot be used: {path}: {error.strerror}") from error

    def _open_shm(self, path: Path) -> None:
        """Nothing depends on the file; where it cannot be made there is none."""
        try:
            path.unlink(missing_ok=True)  # of an owner that was killed
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
        except OSError:
            return
        os.fchmod(self._fd, _MODE)
        self._shm = path
        self._write()
        threading.Thread(target=self._renew, name=f"mem_usage_accel{path.name[-1]}", daemon=True).start()

    def _renew(self) -> None:
        while not self._end.wait(_PERIOD_S):
            with self._lock:
                self._write()

    def _write(self) -> None:
        if self._fd >= 0:
            with contextlib.suppress(OSError):  # a full /dev/shm: the file ages and is no longer believed
                os.pwrite(self._fd, struct.pack("=QQQ", _VERSION, int(time.time()), self._used_bytes), 0)
