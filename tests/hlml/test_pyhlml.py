"""The vendor's own Python binding, unmodified. It loads only /usr/lib/habanalabs/libhlml.so, which is shown to it in a
private mount namespace; the host never has that file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from private_box import PrivateBox

import hlml

OVERLAY = """
work=$(mktemp -d) && mount -t tmpfs none "$work" && mkdir -p "$work/lower/habanalabs" &&
cp "$LIBRARY" "$work/lower/habanalabs/libhlml.so" &&
mount -t overlay overlay -o lowerdir="$work/lower:/usr/lib" /usr/lib && exec "$@"
"""


def run_with_library(script: str, box: PrivateBox) -> subprocess.CompletedProcess[str]:
    env = {**box.env, "LIBRARY": str(hlml.libdir() / "libhlml.so")}
    own_namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    command = [*own_namespace, "sh", "-c", OVERLAY, "sh", sys.executable, "-c", script]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


EVERY_CALL = (Path(__file__).parent / "pyhlml_calls.py").read_text(encoding="utf-8")


def test_every_call_of_pyhlml_answers(box: PrivateBox) -> None:
    done = run_with_library(EVERY_CALL, box)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "8 cards" in done.stdout


def test_library_was_never_on_the_host() -> None:
    assert not os.path.exists("/usr/lib/habanalabs/libhlml.so")  # noqa: PTH110
