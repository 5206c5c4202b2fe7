"""Reports of a run: the text report, one text a card, and its twins in JSON, JUnit XML and HTML.

`model` holds the values, the other modules turn them into text (pure), `store` alone writes files. The output
contract C1-C11 of the real tool's consumers is kept here; tests/hl_qual run those consumers' own commands.
"""

from __future__ import annotations

__all__: list[str] = []
