"""Text from outside (names, versions) as the renderers may print it."""

from __future__ import annotations

__all__ = ["MISSING", "one_line"]

MISSING = "N/A"


def one_line(text: str) -> str:
    """Printable ASCII on one line: white space becomes a blank, anything else a question mark; none at the end.

    A process name is chosen by its process: neither a newline (which broke the table of the real tool in 1.6)
    nor a terminal's escape sequence gets through, and every character is one column wide.
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(_printable(letter) for letter in text)
    return text.rstrip()


def _printable(letter: str) -> str:
    if " " <= letter <= "~":
        return letter
    return " " if letter.isspace() else "?"
