"""Every command of docs/containers.md, run as it stands; only /srv/gaudi is another directory."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from private_box import PrivateBox
from under_exec import require_namespaces

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "containers.md").read_text(encoding="utf-8")


def blocks() -> dict[str, str]:
    """The commands of each section, by its heading."""
    found: dict[str, str] = {}
    for section in re.split(r"^##+ ", PAGE, flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        scripts = re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
        if scripts:
            found[re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")] = "\n".join(scripts)
    return found


BLOCKS = blocks()


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that every user may enter, unlike those of pytest."""
    path = Path(tempfile.mkdtemp(prefix="gaudi-docs-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def run(box: PrivateBox, home: Path, script: str) -> subprocess.CompletedProcess[str]:
    environment = {**box.env, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(
        ["sh", "-ec", script.replace("/srv/gaudi", str(home))], env=environment, cwd=home, text=True,
        capture_output=True, check=False, timeout=240, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("heading", sorted(BLOCKS))
def test_the_commands_of_the_page_work(box, home, heading):
    if os.geteuid() != 0:
        pytest.skip("the page is written for root")
    require_namespaces()
    script = BLOCKS[heading]
    if heading == "other-users":
        if not Path("/usr/bin/python3").exists() or shutil.which("setpriv") is None:
            pytest.skip("needs /usr/bin/python3 and setpriv")
        script = f"GAUDI_BOX={home}/box gaudi-box up\n{script}\nGAUDI_BOX={home}/box gaudi-box down"
    before = sorted(path.name for path in Path("/dev/shm").iterdir())
    done = run(box, home, script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in Path("/dev/shm").iterdir()) == before


def test_every_part_of_the_page_that_promises_commands_has_some():
    assert set(BLOCKS) == {
        "one-program-gaudi-box-exec", "which-cards", "writing", "containers-that-may-not-mount-gaudi-box-sysfs",
        "containers-that-share-a-box", "other-users", "volumes-that-everybody-may-write", "read-only-root",
        "64-mib-of-dev-shm",
    }  # fmt: skip
