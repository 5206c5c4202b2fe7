"""The self-test of hl_qual: every fault of the catalogue, one after the other, in a private box; the right test must
find it and say where. `detectors` reads which test that is, `program` runs them.
"""

from __future__ import annotations

__all__: list[str] = []
