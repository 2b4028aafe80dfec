"""The order of a store's utterances in memory: which rows stand beside which, and who speaks.

Derived from the rows, so never saved. Used by `indexes` to let a found utterance raise those
around it, and to know the names that a query may mean.
"""

from __future__ import annotations

import bisect
from array import array

from archgraph.stores import text_index


class Timeline:
    """Rows in order, each with its time and its speaker; rows without a speaker stand alone."""

    def __init__(self, gap: float = 3600.0) -> None:
        self.gap = gap
        self._rows = array("q")
        self._times = array("d")
        self._speakers = array("l")
        self._known: dict[str, int] = {"": 0}
        self._names: list[frozenset[str]] = [frozenset()]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def upto(self) -> int:
        """The last row."""
        return self._rows[-1] if self._rows else 0

    @property
    def speakers(self) -> int:
        """How many different speakers have been seen."""
        return len(self._known) - 1

    def add(self, row: int, time: float, speaker: str, name: str) -> None:
        """Append a row. `speaker` is empty if nobody said it; `name` is the author's, if known."""
        code = self._known.setdefault(speaker, len(self._known))
        if code == len(self._names):
            self._names.append(frozenset(text_index.WORD.findall(name.lower())))
        self._rows.append(row)
        self._times.append(time)
        self._speakers.append(code)

    def copy(self, upto: int) -> Timeline | None:
        """Another of the rows up to a number; None where it knows a speaker of none of them."""
        size = bisect.bisect_right(self._rows, upto)
        found = Timeline(self.gap)
        found._rows, found._times = self._rows[:size], self._times[:size]
        found._speakers = self._speakers[:size]
        found._known, found._names = dict(self._known), list(self._names)
        return found if len({0, *found._speakers}) == len(found._known) else None

    def cut(self, upto: int) -> None:
        """Forget rows after a number."""
        size = bisect.bisect_right(self._rows, upto)
        for column in (self._rows, self._times, self._speakers):
            del column[size:]

    def near(self, row: int, before: int, after: int) -> tuple[list[int], list[int]]:
        """The utterances before and after a row, nearest first, as far as one talk goes."""
        rows, times, speakers = self._rows, self._times, self._speakers
        place = bisect.bisect_left(rows, row)
        if place == len(rows) or rows[place] != row or not speakers[place]:
            return [], []
        earlier: list[int] = []
        for other in range(place - 1, max(-1, place - 1 - before), -1):
            if not speakers[other] or times[other + 1] - times[other] > self.gap:
                break
            earlier.append(rows[other])
        later: list[int] = []
        for other in range(place + 1, min(len(rows), place + 1 + after)):
            if not speakers[other] or times[other] - times[other - 1] > self.gap:
                break
            later.append(rows[other])
        return earlier, later

    def named(self, query_words: frozenset[str]) -> set[int]:
        """Codes of the speakers whose names share a word with the query."""
        return {code for code, words in enumerate(self._names) if words & query_words}

    def name_words(self) -> frozenset[str]:
        """All words of all names."""
        return frozenset().union(*self._names)

    def speaker(self, row: int) -> int:
        """The code of a row's speaker; 0 if it has none."""
        place = bisect.bisect_left(self._rows, row)
        known = place < len(self._rows) and self._rows[place] == row
        return self._speakers[place] if known else 0
