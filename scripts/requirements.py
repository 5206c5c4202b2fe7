"""Build helper: prints what the project needs to run and to be developed, from pyproject.toml, quoted for a shell."""

from __future__ import annotations

import shlex
import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["project"]
print(shlex.join(project["dependencies"] + project["optional-dependencies"]["dev"]))
