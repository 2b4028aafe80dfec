"""Kills its own process at the n-th passage of a phase, by what SQLite is about to run.

The phases are those of DESIGN 13. SQLite tells each statement just before it runs it, the gateway
tells when it is asked and when it has answered: from these two the phase is known, and nothing in
the product needs a hook. Used in the processes that `feeder` forks.
"""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Callable, Generator
from typing import Any

from archgraph.llm import base as llm
from archgraph.llm import recording
from archgraph.messages import Completion
from archgraph.storage import database, driver

REPLY, BETWEEN, TOOLS, COMMIT, EVICTION = (
    "before the reply",
    "between reply and tools",
    "within tools",
    "within a commit",
    "within eviction",
)
PHASES = (REPLY, BETWEEN, TOOLS, COMMIT, EVICTION)
STATEMENT = "any statement"
"""Not a phase: every statement that SQLite runs, from the first on."""
WRITES = ("INSERT", "UPDATE", "DELETE")


class Reaper:
    """Follows one process through its phases; dies at passage `nth` of `phase`."""

    def __init__(self, phase: str, nth: int) -> None:
        self.phase, self.left = phase, nth
        self.asked = ""  # what the last model call was for: `step` or `evict`
        self.recorded = ""  # what the last commit recorded: a reply for `step`, `evict`, or nothing
        self.inserted = ""
        self.within = ""  # the phase of the statements of the present commit
        self.in_call = False

    def passage(self, phase: str) -> None:
        """A moment within a phase; the last one of this process, if it was chosen."""
        if phase == self.phase:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def statement(self, sql: str) -> None:
        """SQLite is about to run this."""
        self.passage(STATEMENT)
        if sql.startswith("BEGIN"):
            self._begin()
        elif sql.startswith("COMMIT"):
            self.passage(self.within)
            self.recorded, self.within = self.inserted, ""
        elif sql.startswith("SAVEPOINT call"):
            self.in_call = True
        elif sql.startswith(("RELEASE call", "ROLLBACK TO call")):
            self.in_call = False
        elif sql.startswith(WRITES) and self.within:
            if sql.startswith("INSERT INTO step("):
                self.inserted = self.asked
                self.within = EVICTION if self.asked == "evict" else self.within
            self.passage(TOOLS if self.in_call else self.within)

    def _begin(self) -> None:
        after = {"step": BETWEEN, "evict": EVICTION}.get(self.recorded)
        if after:
            self.passage(after)
        self.within = EVICTION if self.recorded == "evict" else COMMIT
        self.inserted, self.in_call = "", False

    def asking(self, request: llm.Request) -> None:
        """A model is asked, or has answered and the answer is not yet written down."""
        self.asked = "step" if request.tools else "evict"
        self.recorded = ""
        self.passage(REPLY if request.tools else EVICTION)


class Watched:
    """Answers from a recording; tells the reaper, and notes each request before it answers it."""

    def __init__(
        self, inner: recording.Replay, reaper: Reaper, note: Callable[[llm.Request], None]
    ) -> None:
        self._inner, self._reaper, self._note = inner, reaper, note

    def complete(self, request: llm.Request) -> Completion:
        self._note(request)
        self._reaper.asking(request)
        try:
            return self._inner.complete(request)
        finally:
            self._reaper.asking(request)

    def stream(self, request: llm.Request) -> Generator[llm.Delta, None, Completion]:
        return (yield from llm.completed(self, request))


class _Traced:
    """The driver's module, whose connections tell the reaper what they run."""

    def __init__(self, module: Any, reaper: Reaper) -> None:
        self._module, self._reaper = module, reaper

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def connect(self, *args: Any, **options: Any) -> Any:
        connection = self._module.connect(*args, **options)
        connection.set_trace_callback(self._reaper.statement)
        return connection


def follow(reaper: Reaper) -> None:
    """Let the reaper see every statement of this process from now on."""
    found = driver.driver()
    traced = dataclasses.replace(found, module=_Traced(found.module, reaper))
    database.driver.driver = lambda: traced  # type: ignore[assignment]
