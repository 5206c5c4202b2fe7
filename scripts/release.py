"""`make release`: libhlml.so for systems other than this one, one folder a target under build/release.

Compiled by ziglang, a C compiler from PyPI whose targets name the C library: glibc 2.28 or later on x86-64 and aarch64,
and musl. Each folder has library and header; SHA256SUMS has the hashes of all.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ("x86_64-linux-gnu.2.28", "x86_64-linux-musl", "aarch64-linux-gnu.2.28")
CROSS = """[binaries]
c = [{python!r}, '-m', 'ziglang', 'cc', '-target', {target!r}]
ar = [{python!r}, '-m', 'ziglang', 'ar']
ranlib = [{python!r}, '-m', 'ziglang', 'ranlib']
strip = '/bin/true'

[built-in options]
c_link_args = ['-s']

[host_machine]
system = 'linux'
cpu_family = {cpu!r}
cpu = {cpu!r}
endian = 'little'
"""


def _run(*command: str | Path) -> None:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print((done.stdout + done.stderr)[-4000:], file=sys.stderr)
        raise SystemExit(f"release: '{' '.join(map(str, command))}' failed; what it said is above")


def _build(target: str, work: Path, out: Path) -> None:
    cross = work / f"{target}.ini"
    cross.write_text(CROSS.format(python=sys.executable, target=target, cpu=target.partition("-")[0]))
    build = work / target
    _run("meson", "setup", "--wipe" if build.exists() else "--reconfigure", build, ROOT, "--cross-file", cross,
         "-Dpython=false", "-Dbuildtype=release", "-Db_ndebug=false")  # fmt: skip
    _run("meson", "compile", "-C", build, "hlml")
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(build / "csrc" / "libhlml.so", out)
    shutil.copy(ROOT / "csrc" / "include" / "hlml.h", out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", default=TARGETS, help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "release")
    wanted = parser.parse_args()
    unknown = [target for target in wanted.targets if target not in TARGETS]
    if unknown:
        parser.error(f"{unknown[0]!r} is none of {', '.join(TARGETS)}")
    work = ROOT / "build" / "release-work"
    work.mkdir(parents=True, exist_ok=True)
    for target in wanted.targets:
        print(f"{target} ...", flush=True)
        _build(target, work, wanted.out / target)
    files = sorted(path for path in wanted.out.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(wanted.out)}\n" for file in files]
    (wanted.out / "SHA256SUMS").write_text("".join(lines))
    print(f"{len(wanted.targets)} libraries in {wanted.out}")


if __name__ == "__main__":
    main()
