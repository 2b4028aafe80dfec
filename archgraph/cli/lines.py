"""Lines from standard input, and whether one is waiting.

Used by `chat`: while nobody types, the agent's background threads work.
"""

from __future__ import annotations

import codecs
import io
import os
import select
import sys


class Lines:
    """Reads lines without reading ahead of what `waiting` knows."""

    def __init__(self) -> None:
        self._buffer = ""
        self._ended = False
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        try:
            self._descriptor = sys.stdin.fileno()
        except (io.UnsupportedOperation, AttributeError, ValueError):
            self._descriptor = -1  # a text stream of a test: reading it does not wait

    @property
    def typed(self) -> bool:
        """Whether a person types the lines."""
        return self._descriptor >= 0 and os.isatty(self._descriptor)

    def waiting(self, seconds: float | None = 0.0) -> bool:
        """Whether `read` would return at once; waits up to `seconds` for it (None: for ever)."""
        if self._ended or "\n" in self._buffer or self._descriptor < 0:
            return True
        try:
            return bool(select.select([self._descriptor], [], [], seconds)[0])
        except OSError:
            return True  # Windows cannot select on a console: reading waits instead

    def read(self) -> str | None:
        """The next line without its end; None when there are no more."""
        if self._descriptor < 0:
            line = sys.stdin.readline()
            return line.rstrip("\n") if line else None
        while "\n" not in self._buffer and not self._ended:
            piece = os.read(self._descriptor, 65536)
            self._ended = not piece
            self._buffer += self._decoder.decode(piece, final=not piece)
        if not self._buffer:
            return None
        line, _, self._buffer = self._buffer.partition("\n")
        return line.rstrip("\r")
