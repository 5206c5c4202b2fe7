"""Standard output of hl_qual. A reader that goes away, a terminal that closes or a full disk ends the output, not the
test: the report file and the exit status still tell.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import TextIO

__all__ = ["Output"]

# `| head`, and a terminal that was closed: nobody is there to be told.
_GONE = (errno.EPIPE, errno.EIO)


class Output:
    """Writes at once. `complain` is told once if what was printed is lost, such as on a full disk."""

    def __init__(self, stream: TextIO, complain: Callable[[str], None]) -> None:
        self._stream: TextIO | None = stream
        self._complain = complain

    def __call__(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text.encode(errors="surrogateescape").decode(errors="replace"))
            self._stream.flush()
        except OSError as error:
            # Python flushes stdout once more at exit; let that go nowhere too.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            self._stream = None
            if error.errno not in _GONE:
                self._complain(f"cannot write to standard output ({error.strerror}); the report file has everything")
