"""Build helper: `python list_sources.py PACKAGE` prints the files of a package, one a line, for meson.build."""

from __future__ import annotations

import sys
from pathlib import Path

SUFFIXES = {".py", ".sh", ".pyi", ".toml", ".typed", ".json"}
BUILD_ONLY = {"ffi_build.py"}

for path in sorted(Path(sys.argv[1]).rglob("*")):
    if path.suffix in SUFFIXES and path.name not in BUILD_ONLY and "__pycache__" not in path.parts:
        print(path.as_posix())
