"""A mount namespace in which the library and hl-smi lie where the real ones do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import hlml

__all__ = ["Completed", "run_at_real_paths", "run_installed"]

# The library, hl-smi and the boxes where the real ones are; the host never has them.
REAL_PATHS = """
work=$(mktemp -d) && mount -t tmpfs none "$work" && mkdir -p "$work/lib/habanalabs" "$work/bin" &&
cp "$LIBRARY" "$work/lib/habanalabs/libhlml.so" && ln -s "$TOOL" "$work/bin/hl-smi" &&
mount -t overlay overlay -o lowerdir="$work/lib:/usr/lib" /usr/lib &&
mount -t overlay overlay -o lowerdir="$work/bin:/usr/bin" /usr/bin &&
mount -t tmpfs none /dev/shm && exec "$@"
"""

Completed = subprocess.CompletedProcess[str]


def run_at_real_paths(*command: str | Path, env: dict[str, str], cwd: Path, library: Path | None = None) -> Completed:
    """Run a command with `env` and nothing else; /dev/shm is its own and empty. `library`: not the built one."""
    tool = Path(sys.executable).with_name("hl-smi")
    own_namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    setting = {"LIBRARY": str(library or hlml.libdir() / "libhlml.so"), "TOOL": str(tool), "PATH": os.environ["PATH"]}
    # What runs in the end gets the environment that was asked for, not that of the set-up.
    clean = ["env", "-i", *(f"{key}={value}" for key, value in env.items())]
    return subprocess.run(
        [*own_namespace, "sh", "-c", REAL_PATHS, "sh", *clean, *map(str, command)],
        env=setting,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


INSTALLED = """
for top in usr opt etc; do
    mkdir -p "/$top" && mount -t overlay overlay -o lowerdir="$ROOT/$top:/$top" "/$top" || exit 99
done
mount -t tmpfs none /dev/shm && exec "$@"
"""


def run_installed(root: Path, *command: str | Path, env: dict[str, str], cwd: Path) -> Completed:
    """Run a command where the installation below `root` lies over the system, with `env` and nothing else."""
    own_namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    clean = ["env", "-i", *(f"{key}={value}" for key, value in env.items())]
    return subprocess.run(
        [*own_namespace, "sh", "-c", INSTALLED, "sh", *clean, *map(str, command)],
        env={"ROOT": str(root), "PATH": os.environ["PATH"]},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
