"""`python -m hl_smi`: the same as the program hl-smi."""

from __future__ import annotations

import sys

from hl_smi.cli import main

if __name__ == "__main__":
    sys.exit(main())
