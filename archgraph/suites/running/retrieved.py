"""What searches selected while a question was answered, before any cap cut their results.

`Searches` is put on a fork by `trial`; `observing` and `losses` read it. It sees the rankings of
search indexes themselves, and so knows the records behind a result's text. A store that keeps its
index elsewhere (a back-end outside the agent's file) shows only its text. Knows no case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from archgraph.runtime import agent as agents
from archgraph.stores import base as stores

TOOL, CONTEXT, PIPELINE = "tool", "context", "pipeline"
"""Who searched."""


@dataclass(slots=True)
class Search:
    """A search of one store: the records of its page, best first.

    `after` counts the model calls that were answered before it; `text` is what a search for a
    context put into the window.
    """

    store: str
    query: str
    by: str
    after: int
    records: tuple[stores.Record, ...] = ()
    text: str = ""


class Searches:
    """Notes the searches of an agent from the moment that it is attached."""

    def __init__(self, calls: Callable[[], int]) -> None:
        self.made: list[Search] = []
        self._calls = calls
        self._open: Search | None = None

    def attach(self, agent: agents.Agent) -> None:
        """Look at every search index of the agent, and at who uses it."""
        for name, store in agent.stores.items():
            self._wrap(store, "lines", name, CONTEXT)
            self._wrap(store, "find_for", name, PIPELINE)
            index = store.search_index()
            for method in ("search", "find"):
                if hasattr(index, method):
                    self._wrap(index, method, name, TOOL)

    def _wrap(self, target: Any, method: str, store: str, by: str) -> None:
        inner = getattr(target, method)

        def noted(query: str, *args: Any, **kwargs: Any) -> Any:
            outermost = self._open is None
            if outermost:
                self._open = Search(store, str(query), by, self._calls())
            present = self._open
            assert present is not None
            try:
                result = inner(query, *args, **kwargs)
            finally:
                if outermost:
                    self._open = None
            found = _records(result)
            if found is not None:
                present.records = found
            elif method == "lines":
                present.text = "\n".join(result)
            if outermost:
                self._note(present)
            return result

        setattr(target, method, noted)

    def _note(self, search: Search) -> None:
        """Keep a search; that of a window that was made anew takes the former one's place."""
        if search.by == CONTEXT:
            same = (search.store, search.query, CONTEXT, search.after)
            for place, other in enumerate(self.made):
                if (other.store, other.query, other.by, other.after) == same:
                    self.made[place] = search
                    return
        self.made.append(search)


def _records(result: Any) -> tuple[stores.Record, ...] | None:
    """The records of what `search`, `find` or `find_for` returned; None for lines of text."""
    if isinstance(result, tuple):
        result = result[0]
    if not isinstance(result, Sequence) or isinstance(result, str):
        return None
    if result and isinstance(result[0], str):
        return None
    return tuple(getattr(each, "record", None) or each[0] for each in result)
