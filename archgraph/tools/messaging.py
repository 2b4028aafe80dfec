"""The control verbs: what a model calls to steer its own thread.

The runtime performs them; here they only have their signatures, from which the schemas are made.
"""

from __future__ import annotations

from archgraph import errors
from archgraph.tools import base

MAX_PAUSE_MINUTES = 360
"""The longest pause of timed heartbeats (MemGPT 0.1.12, constants.py)."""


class Control:
    """Signatures of the control verbs; a thread's tools may bind any of them."""

    @base.verb()
    def reply(self, message: str) -> str:
        """Send a message to the user. This is the only way to be heard by the user.

        Args:
            message: The text that the user will read.
        """
        return message

    @base.verb()
    def finish(self) -> str:
        """End your work for now. Call this when there is nothing left to do."""
        return "Finished."

    @base.verb()
    def pause_heartbeats(self, minutes: int) -> str:
        """Stop timed heartbeats for some time. Messages from the user still reach you.

        Args:
            minutes: How long to pause, at most 360.
        """
        if minutes < 1:
            raise errors.ToolError(f"minutes must be at least 1, not {minutes}")
        return f"Timed heartbeats are paused for {min(minutes, MAX_PAUSE_MINUTES)} minutes."

    @base.verb()
    def wait(self, minutes: int = 1) -> str:
        """Wait until the background threads have done their present work, then go on.

        Args:
            minutes: The longest time to wait.
        """
        return f"Waiting at most {max(0, minutes)} minutes."

    @base.verb()
    def ask(self, message: str) -> str:
        """Put a question to another thread, and go on when its answer has come.

        Args:
            message: What to ask, as a text that can be understood on its own.
        """
        _said(message)
        return "Asked. You go on when the answer has come."

    @base.verb()
    def signal(self, message: str) -> str:
        """Send a message to another thread, which goes to work on it. You do not wait for it.

        Args:
            message: What it should know, as a text that can be understood on its own.
        """
        _said(message)
        return "Sent."


def _said(message: str) -> None:
    if not message.strip():
        raise errors.ToolError("the message is empty; say what the other thread should know")


VERBS = base.verbs_of(Control)
"""The control verbs by name."""
