"""Everything that a program under `gaudi-box exec` sees, mounted in the order that works, and renewed while it runs.

All files of ours lie in one tmpfs. It is staged on a directory of /sys that nobody needs meanwhile, its parts are bound
to the real paths, and then it is taken off there; the keeper of the view writes through a descriptor of its root.

    /sys/class, bus, devices, module    the driver's files among those of the host; debugfs for root
    /proc/modules                       the line of the driver and those of the host
    /dev                                /dev/accel among the host's nodes; /dev/shm is one of its own
    /run/gaudi/default                  the box: a program finds it whatever its environment is
    /usr/lib, bin, sbin, include        library, tools and header among what the host has
    /etc/sensors.d                      labels for lm-sensors
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from device.errors import BoxError
from device.exec.graft import cover, expose, graft
from device.exec.hidden import HostCards
from device.exec.install import place_library, place_qual, place_tools
from device.exec.module_tools import PARAMETERS_FILE, read_parameters
from device.exec.namespace import NO_DEV, NO_SUID, bind, detach, enter_namespace, mount
from device.exec.nodes import Nodes
from device.sysfs.live import LiveTree
from device.sysfs.mirror import Mirror
from device.sysfs.render import SENSORS_CONF
from device.sysfs.source import BoxSource
from device.sysfs.tree import File, Node
from device.sysfs.view import BoxView

__all__ = ["BOX_PATH", "Mounts"]

BOX_PATH = Path("/run/gaudi/default")
_STAGE = Path("/sys/fs")
_SYS = ("class", "bus", "devices", "module")
# Directories that stay when the driver is unloaded. Eight cards take 40 MB; the limit is more than 64 cards need.
_KEPT = (
    "sys/class", "sys/bus/pci/devices", "sys/bus/pci/drivers", "sys/devices", "sys/module", "sys/kernel/debug", "proc",
    "etc/sensors.d", "dev/shm", "run/gaudi/default", "run/gaudi/.nodes", "run/gaudi/.dev", "tools",
)  # fmt: skip
_STAGE_OPTIONS = "mode=755,size=1g"


class Mounts:
    """Enters a namespace of its own when it is made; the process that does so has one thread.

    `box` is the path of a box, `only` the cards that are seen, `package` the directory of hlml. BoxError names a right
    or a directory that is missing; then nothing was started.
    """

    def __init__(self, box: Path, only: frozenset[int] | None, package: Path, report: Callable[[str], None]) -> None:
        self._host = HostCards()
        lines = _read("/proc/modules").splitlines(keepends=True)
        self._host_modules = b"".join(line for line in lines if not line.startswith(b"habanalabs"))
        self._parameters: dict[str, str] = {}
        self._nodes: Nodes | None = None
        self._bound = -1  # inode of the box that is mounted
        shm_bytes = _size_of("/dev/shm")
        for needed in (str(_STAGE), "/dev", "/run", "/usr/lib", "/etc"):
            if not Path(needed).is_dir():
                raise BoxError(f"exec shows files below {needed}, which is not there; mount it first")
        self.is_user_namespace = enter_namespace()
        try:
            self._box = self._follow(box)
            root = self._make_stage()
            source, hwmon = BoxSource(self._box, only), _free_hwmon(self._host)
            self._live = LiveTree(source, Mirror(root), report, hwmon, self._parameters, self._amend)
            self._live.refresh()
            self._mount_all(package, shm_bytes)
            self._nodes = Nodes(BOX_PATH.parent / ".nodes")
            self.refresh()
        except OSError as error:
            where = f" at {error.filename}" if error.filename else ""
            raise BoxError(f"exec cannot mount{where}: {error.strerror}; use sudo, or `gaudi-box sysfs DIR`") from error

    def refresh(self) -> None:
        """Once a period: the box may have been replaced, the driver unloaded, values have moved."""
        self._bind_box()
        self._parameters.clear()
        self._parameters.update(read_parameters(BOX_PATH.parent / PARAMETERS_FILE))
        self._live.refresh()

    def close(self) -> None:
        """Values that nobody refreshes any more go; what is mounted ends with the last process that sees it."""
        if self._nodes is not None:
            self._nodes.update(())
        self._live.close()

    def _follow(self, box: Path) -> Path:
        """A path of the box that holds when the directories above it are covered."""
        parent = os.open(box.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return Path(f"/proc/self/fd/{parent}") / box.name

    def _make_stage(self) -> Path:
        mount("gaudi-box", str(_STAGE), "tmpfs", NO_SUID | NO_DEV, _STAGE_OPTIONS)
        for directory in _KEPT:
            (_STAGE / directory).mkdir(parents=True)
        root = os.open(_STAGE, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return Path(f"/proc/self/fd/{root}")

    def _mount_all(self, package: Path, shm_bytes: int) -> None:
        for part in _SYS:
            cover(Path("/sys") / part, _STAGE / "sys" / part, self._host.hides)
        if os.access("/sys/kernel/debug", os.R_OK | os.X_OK):
            cover(Path("/sys/kernel/debug"), _STAGE / "sys/kernel/debug")
        if Path("/proc/modules").exists():
            bind(str(_STAGE / "proc/modules"), "/proc/modules")
        self._mount_tools(package)
        self._mount_dev(shm_bytes)
        self._mount_run()
        detach(str(_STAGE))

    def _mount_tools(self, package: Path) -> None:
        tools = _STAGE / "tools"
        place_library(package, tools)
        place_tools(tools)
        place_qual(tools)
        for part in ("usr/lib", "usr/include", "usr/bin", "usr/sbin", "opt"):
            host = Path("/") / part
            if host.is_dir() and not host.is_symlink():
                expose(host, tools / part)
        labels = Path("/") / Path(SENSORS_CONF).parent
        if labels.is_dir():
            cover(labels, _STAGE / "etc/sensors.d")
        else:
            expose(Path("/etc"), _STAGE / "etc")

    def _mount_dev(self, shm_bytes: int) -> None:
        """Shared memory is private to the programs of one exec, and as large as that of the host."""
        dev = _STAGE / "dev"
        mount("gaudi-box", str(dev / "shm"), "tmpfs", NO_SUID | NO_DEV, f"mode=1777,size={shm_bytes}")
        self._keep_terminals(dev)
        for boxes in Path("/dev/shm").glob("gaudi-*"):
            if boxes.is_dir() and not boxes.is_symlink():
                (dev / "shm" / boxes.name).mkdir()
                bind(str(boxes), str(dev / "shm" / boxes.name))
        cover(Path("/dev"), dev, lambda entry: entry.path == "/dev/shm" or self._host.hides(entry))

    def _keep_terminals(self, dev: Path) -> None:
        """/dev/ptmx looks for its devpts beside itself, which a bound file has not: the host's /dev stays reachable."""
        outer = BOX_PATH.parent / ".dev"
        if stat.S_ISCHR(os.lstat("/dev/ptmx").st_mode):
            bind("/dev", str(_STAGE / "run/gaudi/.dev"))
            (dev / "ptmx").symlink_to(outer / "ptmx")
        elif (outer / "ptmx").exists():  # an outer exec has the same link
            bind(str(outer), str(_STAGE / "run/gaudi/.dev"))

    def _mount_run(self) -> None:
        """Only /run/gaudi is covered where there is one, else all of /run."""
        run = _STAGE / "run"
        if BOX_PATH.parent.is_dir():
            graft(BOX_PATH.parent, run / "gaudi", lambda entry: entry.name.startswith("."))
            bind(str(run / "gaudi"), str(BOX_PATH.parent))
        else:
            cover(Path("/run"), run)

    def _bind_box(self) -> None:
        """The box at its path of now: `up` over a box puts a new directory there."""
        try:
            found = self._box.stat().st_ino
        except OSError:
            return
        if found == self._bound:
            return
        if self._bound >= 0:
            detach(str(BOX_PATH))
        bind(str(self._box), str(BOX_PATH))
        self._bound = found

    def _amend(self, view: BoxView, tree: dict[str, Node]) -> None:
        """Nodes come and go before the files do; the modules of the host stand below ours."""
        if self._nodes is not None:
            self._nodes.update(_node_paths(view))
            _show_accel(view.is_driver_loaded and not view.is_legacy)
        ours = tree.get("proc/modules")
        tree["proc/modules"] = File((ours.content if isinstance(ours, File) else b"") + self._host_modules)


def _node_paths(view: BoxView) -> list[Path]:
    if not view.is_driver_loaded:
        return []
    form = (
        ("/dev/hl{}", "/dev/hl_controlD{}") if view.is_legacy else ("/dev/accel/accel{}", "/dev/accel/accel_controlD{}")
    )
    return [Path(text.format(card.facts.index)) for card in view.cards for text in form]


def _show_accel(is_there: bool) -> None:
    """The directory says that there are nodes: libraries leave out the cards that have none in it."""
    accel = Path("/dev/accel")
    with contextlib.suppress(OSError):  # it is there, or not empty
        if is_there:
            accel.mkdir()
        else:
            accel.rmdir()


def _free_hwmon(host: HostCards) -> int:
    """The first hwmon number that the host leaves free."""
    try:
        names = [entry.name for entry in os.scandir("/sys/class/hwmon") if not host.hides(entry)]
    except OSError:
        return 0
    numbers = [int(name[5:]) for name in names if name.startswith("hwmon") and name[5:].isdigit()]
    return max(numbers, default=-1) + 1


def _size_of(path: str) -> int:
    """Bytes of the file system at a path; 64 MiB, what containers have, where there is none."""
    try:
        found = os.statvfs(path)
    except OSError:
        return 64 << 20
    return found.f_frsize * found.f_blocks


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""
