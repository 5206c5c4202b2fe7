"""The emulated Gaudi: what a card is made of, and what runs on it."""

from __future__ import annotations

import os
import sys

# A package that lies in a checkout has no compiled part; that is in the installed package further down the path.
__path__ += [d for d in (os.path.join(p, "device") for p in sys.path) if d not in __path__ and os.path.isdir(d)]  # noqa: PTH112, PTH118
