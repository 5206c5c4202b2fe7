"""`make soak`: a hundred thousand deaths of writers, the crowd, fuzzed files; ends by itself.

Each program prints its own progress; the last line says how many checks passed. Exit status 1 if anything failed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SANITIZERS = ("-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all")
KILL_POINTS = ("-DGAUDI_KILL_POINTS",)
# Points passed by the two programs: deaths of 19 * 4000 + 12000 and of 9 * 1000 + 3000 make 100 000.
RUNS = (
    ("test_kill_points", KILL_POINTS, ("4000", "12000")),
    ("test_kill_files", KILL_POINTS, ("1000", "3000")),
    ("test_crowd", (), ("20000",)),
    ("test_fuzz", SANITIZERS, ("100000", "1")),
    ("test_fuzz", SANITIZERS, ("100000", "2")),
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill writers a hundred thousand times and look for torn states.")
    parser.add_argument("--minutes", type=float, default=60.0, help="give up after this long (default %(default)g)")
    end = time.monotonic() + 60 * parser.parse_args().minutes
    sys.path.insert(0, str(ROOT / "tests" / "support"))
    from c_programs import CPrograms

    failed = []
    with tempfile.TemporaryDirectory(prefix="gaudi-soak-") as folder:
        programs = CPrograms(Path(folder))
        built = [(programs.card_program(name, flags), name, arguments) for name, flags, arguments in RUNS]
        for program, name, arguments in built:
            scratch = Path(folder) / "box"
            scratch.mkdir(exist_ok=True)
            print(f"{name} {' '.join(arguments)}", flush=True)
            try:
                done = subprocess.run(
                    [program, scratch, *arguments],
                    timeout=max(1.0, end - time.monotonic()),
                    check=False,
                )
            except subprocess.TimeoutExpired:
                print(f"{name}: time is up; more of it: scripts/soak.py --minutes N", file=sys.stderr)
                return 1
            if done.returncode != 0:
                failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "soak passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
