"""A mount namespace of our own, and the system calls of mounting. A right that is missing is named.

With CAP_SYS_ADMIN a mount namespace is all that is needed; without it a user namespace comes first, in which the caller
keeps uid and gid. Programs that are started later have no more rights than before.
"""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

from device.errors import BoxError

__all__ = ["BIND", "NO_DEV", "NO_SUID", "READ_ONLY", "bind", "detach", "enter_namespace", "mount", "overlay"]

# Values of the kernel's mount.h and sched.h.
READ_ONLY, NO_SUID, NO_DEV = 0x1, 0x2, 0x4
BIND, _RECURSIVE, _SLAVE = 0x1000, 0x4000, 0x80000
_DETACH = 0x2
_NEW_MOUNTS, _NEW_USER = 0x00020000, 0x10000000
_SYS_ADMIN = 21  # number of the capability

_libc = ctypes.CDLL(None, use_errno=True)


def enter_namespace() -> bool:
    """From now on this process mounts for itself and its children only; whether that took a user namespace.

    The process has one thread. BoxError names the right that is missing.
    """
    is_user = not _has_capability(_SYS_ADMIN)
    uid, gid = os.geteuid(), os.getegid()
    if _libc.unshare(_NEW_MOUNTS | (_NEW_USER if is_user else 0)) != 0:
        raise BoxError(_refusal(ctypes.get_errno(), is_user))
    try:
        if is_user:
            _write_maps(uid, gid)
        mount(None, "/", None, _RECURSIVE | _SLAVE)
    except OSError as error:
        raise BoxError(_refusal(error.errno or errno.EPERM, is_user)) from error
    return is_user


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """mount(2). OSError with the target."""
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind, data)]
    if _libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), target)


def bind(source: str, target: str) -> None:
    """`source` with all that is mounted below it also at `target`, which exists."""
    mount(source, target, None, BIND | _RECURSIVE)


def overlay(lower: str, target: str) -> None:
    """The files of `lower` among those of `target`, read-only. OSError: the kernel does not allow it here."""
    mount("gaudi-box", target, "overlay", READ_ONLY, f"lowerdir={lower}:{target}")


def detach(target: str) -> None:
    """umount2(2); what is in use stays until it is not."""
    if _libc.umount2(os.fsencode(target), _DETACH) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), target)


def _has_capability(number: int) -> bool:
    return bool(int(_status("CapEff") or "0", 16) >> number & 1)


def _status(key: str) -> str | None:
    """A field of /proc/self/status, None if there is none."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key + ":")), None)


def _write_maps(uid: int, gid: int) -> None:
    """The caller stays who it is. Without setgroups a member of a group cannot drop it to gain a right."""
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")


def _refusal(code: int, is_user: bool) -> str:
    """One line: what was refused, why as far as it can be told, and what to do."""
    wanted = "user and mount namespaces" if is_user else "a mount namespace"
    text = f"exec needs {wanted} of its own, and the kernel refused: {os.strerror(code)} ({errno.errorcode[code]})"
    return f"{text}. {_cause(code, is_user)} `gaudi-box sysfs DIR` needs no such right."


def _cause(code: int, is_user: bool) -> str:
    if _number("/proc/sys/user/max_mnt_namespaces") == 0 or code == errno.ENOSPC:
        return "The limits in /proc/sys/user/max_*_namespaces are used up."
    if is_user and _number("/proc/sys/kernel/unprivileged_userns_clone") == 0:
        return "Only root may make user namespaces here: sysctl kernel.unprivileged_userns_clone=1, or use sudo."
    if is_user and _number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1:
        return "AppArmor forbids it: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or use sudo."
    if _status("Seccomp") == "2":
        return "A seccomp filter is active, as in a container: start that with --cap-add SYS_ADMIN."
    return "CAP_SYS_ADMIN is missing: use sudo, or start the container with --cap-add SYS_ADMIN."


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
