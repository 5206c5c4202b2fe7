"""Build helper: `python requirements.py PYPROJECT [EXTRA]` prints, quoted for a shell, what an extra needs; without one
what the project needs to run and to be developed."""

from __future__ import annotations

import shlex
import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["project"]
extras = project["optional-dependencies"]
print(shlex.join(extras[sys.argv[2]] if len(sys.argv) > 2 else project["dependencies"] + extras["dev"]))
