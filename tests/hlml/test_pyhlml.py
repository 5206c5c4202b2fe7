"""The vendor's own Python binding, unmodified. It loads only /usr/lib/habanalabs/libhlml.so, which is shown to it in a
private mount namespace; the host never has that file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from private_box import PrivateBox
from real_paths import run_at_real_paths

EVERY_CALL = (Path(__file__).parent / "pyhlml_calls.py").read_text(encoding="utf-8")


def test_every_call_of_pyhlml_answers(box: PrivateBox, tmp_path: Path) -> None:
    done = run_at_real_paths(sys.executable, "-c", EVERY_CALL, env=box.env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "8 cards" in done.stdout


def test_library_was_never_on_the_host() -> None:
    assert not os.path.exists("/usr/lib/habanalabs/libhlml.so")  # noqa: PTH110
