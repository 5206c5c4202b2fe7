"""Building the C programs of tests/c with sanitizers or kill points; each source is compiled once for its flags."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

__all__ = ["ADDRESS", "CSRC", "THREAD", "CPrograms", "run_checks"]

ROOT = Path(__file__).resolve().parent.parent.parent
CSRC = ROOT / "csrc"
ADDRESS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
THREAD = ("-fsanitize=thread",)
WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror")
BASE = (
    "-std=gnu11",
    "-g",
    "-O1",
    "-ffp-contract=off",
    f"-I{CSRC}",
    f"-I{CSRC / 'include'}",
    f"-I{CSRC / 'kernels'}",
)
# As csrc/kernels/meson.build has them.
VARIANTS = {
    "mme_avx2.c": ("-mavx2", "-mfma"),
    "mme_avx512.c": ("-mavx512f",),
    "mme_amx.c": ("-mavx512f", "-mavx512bw", "-mavx512vl", "-mamx-tile", "-mamx-bf16"),
    "crc32c_sse42.c": ("-msse4.2", "-mpclmul"),
    "crc32c_avx512.c": ("-mavx512f", "-mavx512vl", "-mvpclmulqdq", "-mpclmul", "-msse4.2"),
    "elementwise_avx2.c": ("-mavx2",),
    "elementwise_avx512.c": ("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512"),
    "mover_avx2.c": ("-mavx2",),
    "mover_avx512.c": ("-mavx512f", "-mavx512bw", "-mavx512vl", "-mprefer-vector-width=512"),
}


class CPrograms:
    """A folder of objects and programs, made as they are asked for. One test run has one (fixture `c_programs`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._objects: dict[tuple[str, ...], Path] = {}

    def card_program(self, name: str, flags: Sequence[str] = ()) -> Path:
        """tests/c/NAME.c with all of the card state and libhlml linked in."""
        return self._link(name, [*sorted(CSRC.glob("*.c")), self._boxes()], ("-D_GNU_SOURCE", *flags))

    def _boxes(self) -> Path:
        boxes = self._folder / "embedded_boxes.c"
        if not boxes.exists():
            subprocess.run([sys.executable, "-P", CSRC / "embed_boxes.py", boxes, ROOT], check=True)
        return boxes

    def fabric_program(self, name: str, flags: Sequence[str] = ()) -> Path:
        """tests/c/NAME.c with the card state and the NIC linked in; of the kernels only the plain CRC."""
        fabric = [*sorted((CSRC / "fabric").glob("*.c")), CSRC / "kernels" / "crc32c.c"]
        card = [source for source in sorted(CSRC.glob("*.c")) if not source.name.startswith("hlml_")]
        return self._link(name, [*card, self._boxes(), *fabric], ("-D_GNU_SOURCE", *flags))

    def kernel_program(self, name: str, flags: Sequence[str] = ()) -> Path:
        """tests/c/NAME.c with the kernels of this machine linked in."""
        is_x86 = platform.machine() == "x86_64"
        left_out = {"variants_generic.c"} if is_x86 else {"variants_x86.c", *VARIANTS}
        kernels = [source for source in sorted((CSRC / "kernels").glob("*.c")) if source.name not in left_out]
        return self._link(name, kernels, ("-fopenmp-simd", *flags))

    def _link(self, name: str, sources: Iterable[Path], flags: Sequence[str]) -> Path:
        wanted = [*sources, ROOT / "tests" / "c" / f"{name}.c"]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(lambda source: self._object(source, tuple(flags)), wanted))
        program = self._folder / f"{name}-{self._tag(flags)}"
        sanitizers = [flag for flag in flags if flag.startswith("-fsanitize")]
        subprocess.run(["cc", *sanitizers, *objects, "-lm", "-lpthread", "-o", program], check=True)
        return program

    def _object(self, source: Path, flags: tuple[str, ...]) -> Path:
        key = (str(source), *flags)
        if key not in self._objects:
            target = self._folder / f"{source.stem}-{self._tag(flags)}.o"
            extra = VARIANTS.get(source.name, ())
            subprocess.run(["cc", *BASE, *WARNINGS, *flags, *extra, "-c", source, "-o", target], check=True)
            self._objects[key] = target
        return self._objects[key]

    @staticmethod
    def _tag(flags: Sequence[str]) -> str:
        return re.sub(r"\W+", "_", " ".join(flags)).strip("_") or "plain"


def run_checks(program: Sequence[Path | str]) -> str:
    """Run a program that counts its checks: exit status 0, nothing failed, something passed. Returns its output."""
    # ThreadSanitizer of gcc 12 cannot cope with high-entropy address randomisation of newer kernels.
    done = subprocess.run(["setarch", "-R", *program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    assert re.search(r"^[1-9]\d* passed, 0 failed$", done.stdout, re.MULTILINE), done.stdout[-3000:]
    return done.stdout
