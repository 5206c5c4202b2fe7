"""`gaudi-box sysfs`: the driver's files in a directory, for containers that may not mount, and how to mount them."""

from __future__ import annotations

import contextlib
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from device.errors import BoxError
from device.sysfs.live import REFRESH_S, LiveTree
from device.sysfs.mirror import Mirror
from device.sysfs.render import SENSORS_CONF
from device.sysfs.source import BoxSource

__all__ = ["follow_tree", "mount_lines", "write_tree"]

# Says whose directory it is, so that a second run may go on with it and nothing else is ever overwritten.
_MARK = ".gaudi-box-sysfs"
# Parts of /sys that a container needs besides, and that a mount of the tree hides.
_HOST_PARTS = ("sys/devices/system", "sys/devices/virtual")
_MOUNTED = ("sys/class", "sys/bus", "sys/devices", "sys/module")


def write_tree(directory: Path, box: Path, report: Callable[[str], None], only: frozenset[int] | None = None) -> None:
    """The files of now, once."""
    live = _open(directory, box, report, only)
    try:
        _refresh(live)
    finally:
        live.source.close()


def follow_tree(
    directory: Path,
    box: Path,
    report: Callable[[str], None],
    only: frozenset[int] | None = None,
    duration_s: float | None = None,
    interval_s: float = REFRESH_S,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Refresh until SIGINT, SIGTERM or the end of `duration_s`; then remove what was made: no value stays frozen."""
    live = _open(directory, box, report, only)
    end = None if duration_s is None else time.monotonic() + duration_s
    try:
        with _stop_signals() as is_stopped:
            _refresh(live)
            ready()
            while not is_stopped() and (end is None or time.monotonic() < end):
                time.sleep(interval_s)
                _refresh(live)
    finally:
        with contextlib.suppress(OSError):
            live.close()
        _forget(directory)


def mount_lines(directory: Path, box: Path, library: Path | None) -> str:
    """How a container engine shows the tree at the real paths: for docker, and for a pod of Kubernetes."""
    root = directory.resolve()
    pairs = [(str(root / part), f"/{part}") for part in _MOUNTED]
    pairs += [(f"/{part}", f"/{part}") for part in _HOST_PARTS]
    pairs += [(str(root / SENSORS_CONF), f"/{SENSORS_CONF}")]
    pairs += [(str(library), "/usr/lib/habanalabs")] if library else []
    rows = [(shlex.quote(source), target, ":ro") for source, target in pairs]
    rows += [(shlex.quote(str(box.resolve())), "/run/gaudi/default", "")]
    docker = " \\\n".join(f"  -v {source}:{target}{suffix}" for source, target, suffix in rows)
    text = f"# docker and podman\n{docker}\n\n# Kubernetes: volumeMounts and volumes of a pod\nvolumeMounts:\n"
    targets = [*pairs, (str(box.resolve()), "/run/gaudi/default")]
    for number, (_, target) in enumerate(targets):
        read_only = "" if target.startswith("/run/") else ", readOnly: true"
        text += f"- {{name: gaudi-{number}, mountPath: {target}{read_only}}}\n"
    text += "volumes:\n"
    for number, (source, _) in enumerate(targets):
        text += f"- {{name: gaudi-{number}, hostPath: {{path: {source}}}}}\n"
    return text + (
        "\n# without mounting, for programs with an option of their own\n"
        f"  SYSFS_ROOT={root}/sys    lspci -O sysfs.path={root}/sys/bus/pci    HWLOC_FSROOT={root}\n"
    )


def _open(directory: Path, box: Path, report: Callable[[str], None], only: frozenset[int] | None) -> LiveTree:
    _claim(directory)
    return LiveTree(BoxSource(box, only), Mirror(directory), report)


def _refresh(live: LiveTree) -> None:
    try:
        live.refresh()
    except OSError as error:
        text = f"{live.mirror.root}: {error.strerror}; the files of eight cards take about 40 MB"
        raise BoxError(text) from error


def _claim(directory: Path) -> None:
    """Make the directory, or take one that is empty or was made by an earlier run; its old files go."""
    mark = directory / _MARK
    try:
        directory.mkdir(mode=0o755, exist_ok=True)
        if any(directory.iterdir()) and not mark.is_file():
            raise BoxError(f"{directory} is not empty; name a new directory")
        _remove_tree(directory, keep=mark)
        mark.touch()
        for part in _HOST_PARTS:
            (directory / part).mkdir(parents=True)
    except OSError as error:
        raise BoxError(f"{directory}: {error.strerror}; name a directory that you may write") from error


def _forget(directory: Path) -> None:
    with contextlib.suppress(OSError):
        _remove_tree(directory, keep=None)
        directory.rmdir()


def _remove_tree(directory: Path, keep: Path | None) -> None:
    """Below `directory` only; links are removed, never followed."""
    for path in directory.iterdir():
        if path == keep:
            continue
        if path.is_dir() and not path.is_symlink():
            _remove_tree(path, keep=None)
            path.rmdir()
        else:
            path.unlink()


@contextlib.contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Whether SIGINT or SIGTERM came; the sleep of the loop ends with it."""
    stopped = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.append(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(stopped)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
