"""Running programs under `gaudi-box exec` in tests, and saying why that is impossible here."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Sequence

import pytest
from private_box import PrivateBox

# Root without the right to mount takes the way of ordinary users, through a user namespace.
UNPRIVILEGED = ("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin")


def gaudi_box() -> str:
    found = shutil.which("gaudi-box")
    assert found is not None, "gaudi-box is not in PATH"
    return found


@functools.cache
def _refusal(prefix: tuple[str, ...]) -> str:
    """Empty if namespaces can be made here."""
    command = [*prefix, "unshare", "--mount", *(["--user"] if prefix else []), "true"]
    if shutil.which(command[0]) is None or shutil.which("unshare") is None:
        return "util-linux is not installed"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr.strip() or ("" if done.returncode == 0 else "unshare fails")


def require_namespaces(prefix: Sequence[str] = ()) -> None:
    """Skip a test where the machine allows no mount namespace."""
    reason = _refusal(tuple(prefix))
    if reason:
        pytest.skip(f"no mount namespaces here: {reason}")


def run_under_exec(
    box: PrivateBox, *command: str, options: Sequence[str] = (), prefix: Sequence[str] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    """`gaudi-box exec` with nothing in the environment but the box and `variables`."""
    require_namespaces(prefix)
    words = [*prefix, gaudi_box(), "exec", *options, "--", *command]
    return subprocess.run(
        words, env={**box.env, **variables}, capture_output=True, text=True, check=False, timeout=120,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
