"""`python -m hl_qual`: the same as the command hl_qual."""

from __future__ import annotations

import sys

from hl_qual.cli import main

sys.exit(main())
