"""Lines from standard input, and whether one is waiting; on a terminal they can be edited.

Used by `chat`: while nobody types, the agent's background threads work. On a terminal a line begins
with its first key: then `readline` takes over, with its editing and its history.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import select
import sys
from typing import Any

_CODES = re.compile(r"(\x1b\[[0-9;]*m)")


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
        self._editing = self.typed and sys.stdout.isatty() and _can_edit()
        self._settings: Any = None

    @property
    def typed(self) -> bool:
        """Whether a person types the lines."""
        return self._descriptor >= 0 and os.isatty(self._descriptor)

    def listen(self) -> None:
        """Notice single keys from now on, until `rest`; nothing that was typed is lost."""
        if self._editing and self._settings is None:
            import termios
            import tty

            self._settings = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor, termios.TCSADRAIN)

    def rest(self) -> None:
        """Leave the terminal as it was found."""
        if self._settings is not None:
            import termios

            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._settings)
            self._settings = None

    def waiting(self, seconds: float | None = 0.0) -> bool:
        """Whether `read` would return at once; waits up to `seconds` for it (None: for ever)."""
        if self._ended or "\n" in self._buffer or self._descriptor < 0:
            return True
        try:
            return bool(select.select([self._descriptor], [], [], seconds)[0])
        except OSError:
            return True  # Windows cannot select on a console: reading waits instead

    def read(self, prompt: str = "") -> str | None:
        """The next line without its end; None when there are no more.

        With `prompt`, the text that stands before it on the screen already, it can be edited.
        """
        self.rest()
        if prompt and self._editing and not self._buffer:
            # readline must know which characters of the prompt take no room
            told = _CODES.sub("\x01\\1\x02", prompt)
            try:
                sys.stdout.write("\r")
                return input(told)
            except EOFError:
                return None
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


def _can_edit() -> bool:
    """Whether this Python has line editing."""
    try:
        import readline  # noqa: F401 - `input` uses it once it is there
        import termios  # noqa: F401
    except ImportError:
        return False
    return True
