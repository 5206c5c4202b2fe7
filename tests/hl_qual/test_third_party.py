"""A plugin of somebody else, in a package of its own, is installed, found by its entry point, run and judged."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from private_box import PrivateBox

SOURCE = """
from hl_qual.findings import Finding
from hl_qual.limits import Limit
from hl_qual.outcome import Metric, judge


class CopyTest:
    name = "acme_copy"
    title = "copies there and back"
    default_duration_s = 0.2
    needs_card = True

    def limits(self, family, card):
        return {"copies": Limit(3, "copies", "assumed", "a test of Acme")}

    def prepare(self, preparation):
        return (f"{preparation.limits['copies']:.0f} copies on {preparation.family}",)

    def init(self, ctx):
        self.buffer = ctx.card.malloc(4096)

    def run(self, ctx):
        import numpy as np

        data = np.arange(4096, dtype=np.uint8)
        wanted = int(ctx.job.limits["copies"])
        for number in range(wanted):
            back = np.empty_like(data)
            ctx.card.copy_to_device(self.buffer, data)
            ctx.card.copy_from_device(self.buffer, back)
            ctx.log(f"copy {number}: {'good' if (data == back).all() else 'bad'}")
        few = () if wanted < 5 else (Finding("LIMIT_NOT_MET", "too many copies", actual=f"{wanted}", limit="5"),)
        return judge(few, (Metric("copies", wanted, "copies", "box", "measured"),), None)
"""


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    """A directory into which pip has installed the wheel of the package."""
    info = "acme_qual-1.0.dist-info"
    files = {
        "acme_qual.py": SOURCE,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: acme-qual\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[hl_qual.plugins]\nacme_copy = acme_qual:CopyTest\n",
    }
    record = "".join(f"{name},sha256={_hash(text)},{len(text)}\n" for name, text in files.items())
    wheel = tmp_path / "acme_qual-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": record + f"{info}/RECORD,,\n"}.items():
            archive.writestr(name, text)
    target = tmp_path / "site"
    words = ["install", "--quiet", "--no-index", "--no-deps", "--disable-pip-version-check", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", *words, str(wheel)], check=True, capture_output=True)
    return target


def _hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def hl_qual(box: PrivateBox, site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**box.env, "PYTHONPATH": paths}
    command = [sys.executable, "-P", "-m", "hl_qual", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_an_installed_plugin_is_listed_and_runs_on_real_cards(box: PrivateBox, acme: Path) -> None:
    assert "-t acme_copy" in hl_qual(box, acme, "-h").stdout
    done = hl_qual(box, acme, "-t", "acme_copy", "-c", "0,1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("copy 2: good") == 2
    assert "3 copies on gaudi2" in done.stdout and "limit copies 3 copies (assumed)" in done.stdout


def test_its_limit_can_be_overridden_and_fails_its_cards(box: PrivateBox, acme: Path, tmp_path: Path) -> None:
    ini = tmp_path / "acme.ini"
    ini.write_text("[acme_copy]\ncopies = 6\n")
    done = hl_qual(box, acme, "-t", "acme_copy", "-c", "0", str(ini))
    assert done.returncode == 1
    assert "error LIMIT_NOT_MET" in done.stdout and "limit copies 6 copies (user)" in done.stdout


def test_without_the_package_the_name_is_unknown(box: PrivateBox, tmp_path: Path) -> None:
    done = hl_qual(box, tmp_path, "-t", "acme_copy")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'acme_copy' is neither a number of seconds nor a test" in done.stderr
