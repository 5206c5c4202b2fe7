"""The C programs of tests/c, built from the sources with sanitizers and run: no report, nothing wrong."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CSRC = ROOT / "csrc"
ADDRESS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
THREAD = ["-fsanitize=thread"]
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
BASE = ["-std=gnu11", "-g", "-O1", "-ffp-contract=off", f"-I{CSRC}", f"-I{CSRC / 'include'}", f"-I{CSRC / 'kernels'}"]
# As csrc/kernels/meson.build has them.
VARIANTS = {
    "mme_avx2.c": ["-mavx2", "-mfma"],
    "mme_avx512.c": ["-mavx512f"],
    "mme_amx.c": ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mamx-tile", "-mamx-bf16"],
    "crc32c_sse42.c": ["-msse4.2", "-mpclmul"],
    "elementwise_avx2.c": ["-mavx2"],
}


def compile_all(sources: list[Path], scratch: Path, flags: list[str]) -> list[Path]:
    objects = []
    for source in sources:
        target = scratch / f"{source.stem}.o"
        extra = VARIANTS.get(source.name, [])
        subprocess.run(["cc", *BASE, *WARNINGS, *flags, *extra, "-c", source, "-o", target], check=True)
        objects.append(target)
    return objects


def run(program: list[Path | str]) -> None:
    # ThreadSanitizer of gcc 12 cannot cope with high-entropy address randomisation of newer kernels.
    done = subprocess.run(["setarch", "-R", *program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    assert re.search(r"^[1-9]\d* passed, 0 failed$", done.stdout, re.MULTILINE), done.stdout[-3000:]


@pytest.mark.parametrize("program", ["test_concurrency", "test_events"])
@pytest.mark.parametrize("sanitizer", [ADDRESS, THREAD], ids=["address-undefined", "thread"])
def test_library_and_card_state_under_concurrency(sanitizer: list[str], program: str, tmp_path: Path) -> None:
    boxes = tmp_path / "embedded_boxes.c"
    subprocess.run([sys.executable, "-P", CSRC / "embed_boxes.py", boxes, ROOT], check=True)
    sources = [*CSRC.glob("*.c"), boxes, ROOT / "tests" / "c" / f"{program}.c"]
    objects = compile_all(sources, tmp_path, ["-D_GNU_SOURCE", *sanitizer])
    binary = tmp_path / program
    subprocess.run(["cc", *sanitizer, *objects, "-lm", "-lpthread", "-o", binary], check=True)
    run([binary, str(tmp_path)])


@pytest.mark.parametrize("sanitizer", [[], ADDRESS], ids=["release", "address-undefined"])
def test_every_kernel_variant_equals_the_definition(sanitizer: list[str], tmp_path: Path) -> None:
    is_x86 = platform.machine() == "x86_64"
    left_out = {"variants_generic.c"} if is_x86 else {"variants_x86.c", *VARIANTS}
    kernels = [source for source in (CSRC / "kernels").glob("*.c") if source.name not in left_out]
    flags = ["-fopenmp-simd", *(sanitizer or ["-O3"])]
    objects = compile_all([*kernels, ROOT / "tests" / "c" / "test_mme.c"], tmp_path, flags)
    program = tmp_path / "test_mme"
    subprocess.run(["cc", *sanitizer, *objects, "-lm", "-lpthread", "-o", program], check=True)
    run([program])
