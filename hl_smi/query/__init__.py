"""Snapshots -> plain rows, one file a subject. Pure: no clock, no environment, no output; nothing is formatted here.

Called by `pages`; the rows are what `render` takes. A value that a card does not have, or that a lost card can not
tell, is None.
"""

from __future__ import annotations

__all__: list[str] = []
